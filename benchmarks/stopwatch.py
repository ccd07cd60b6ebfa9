"""Which part of a program uses the processor: its own stack, looked at again and again while it works.

A profiler that hooks every call makes what is written in Python look several times as dear as what a library does in
C. This one is woken by the kernel's timer of used processor time and credits all that was used since it last woke to
the stack that it finds, so a long call into a library counts in full. Nothing in the program is changed.
"""

import signal
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

# Of used processor time; the kernel rounds it up to its own tick (1 to 4 ms).
_WAKE_SECONDS = 0.001


class Stopwatch:
    """Processor time of the main thread's process by stage.

    `stages`: (name, places), the first that has a frame on the stack wins. A place is the end of a file's path, or
    `path:function`; a part of a path that ends with a slash means all files in it.
    """

    def __init__(self, stages: Sequence[tuple[str, Sequence[str]]], rest: str) -> None:
        self.stages, self.rest = stages, rest
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._known: dict[tuple[str, str], int] = {}
        self._last = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        before = signal.signal(signal.SIGPROF, self._look)
        self._last = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, _WAKE_SECONDS, _WAKE_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)
            self.seconds[self.rest] += time.process_time() - self._last

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        now = time.process_time()
        first = len(self.stages)
        while frame is not None:
            first = min(first, self._stage(frame.f_code.co_filename, frame.f_code.co_name))
            frame = frame.f_back
        self.seconds[self.stages[first][0] if first < len(self.stages) else self.rest] += now - self._last
        self._last = now

    def _stage(self, file: str, function: str) -> int:
        """The number of the first stage that a frame belongs to; their count if to none."""
        if (found := self._known.get((file, function))) is None:
            found = self._known[file, function] = next(
                (
                    number
                    for number, (_name, places) in enumerate(self.stages)
                    if any(_is_in(place, file, function) for place in places)
                ),
                len(self.stages),
            )
        return found


def _is_in(place: str, file: str, function: str) -> bool:
    path, _colon, name = place.partition(":")
    return (f"/{path}" in file if path.endswith("/") else file.endswith(f"/{path}")) and name in ("", function)
