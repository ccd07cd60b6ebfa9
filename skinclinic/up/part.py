"""One part: a process with its log, its way of saying that it is ready, and its patience when it dies."""

import contextlib
import logging
import logging.handlers
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from skinclinic.bootstrap import ROOT

# Pauses before a part is started again, the last one for ever. After a minute of life it counts as well again.
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
WELL_AFTER_SECONDS = 60.0
_LOG_BYTES, _LOG_FILES = 5_000_000, 3


@dataclass
class Part:
    """`ready` is asked again and again until it says yes; `log`, and `echo` if set, take what the process writes."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    ready: Callable[[], bool]
    echo: Callable[[str], object] | None = None
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=15))
    process: subprocess.Popen[bytes] | None = None
    is_ready: bool = False
    deaths: int = 0
    started_at: float = 0.0
    start_again_at: float | None = None
    _rest: bytes = b""

    def __post_init__(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            self.log, maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, encoding="utf-8", errors="backslashreplace"
        )
        self._file = logging.Logger(f"up.{self.name}")
        self._file.addHandler(handler)

    def start(self, guard: int) -> None:
        """Start the process in a group of its own, known to the guard before it runs a line of its own."""

        def introduce() -> None:
            os.setsid()
            os.write(guard, b"+%d\n" % os.getpid())

        self.is_ready, self.start_again_at, self._rest = False, None, b""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            self.command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=introduce,
        )
        os.set_blocking(self.output, False)

    @property
    def output(self) -> int:
        """The descriptor that the process writes to."""
        assert self.process
        assert self.process.stdout
        return self.process.stdout.fileno()

    def pump(self) -> bool:
        """Move what the process wrote into its log; False at the end of its output."""
        try:
            chunk = os.read(self.output, 65536)
        except BlockingIOError:
            return True
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if not chunk and self._rest:
            lines, self._rest = [self._rest], b""
        for line in lines:
            text = line.decode(errors="backslashreplace").rstrip()
            self.last_lines.append(text)
            self._file.info("%s", text)
            if self.echo and text:
                self.echo(f"  {text}")
        return bool(chunk)

    def close(self) -> None:
        """After the end of the process: its last words into the log, and an end to what it had started."""
        assert self.process
        assert self.process.stdout
        self.end_group()
        for _ in range(64):  # a pipe holds no more than this many reads
            if not self.pump():
                break
        self.process.stdout.close()

    def has_ended(self) -> bool:
        """True when the process was started and is no more."""
        return self.process is not None and self.process.poll() is not None

    def note_death(self) -> float:
        """Count a death; returns the seconds until the next start."""
        if time.monotonic() - self.started_at > WELL_AFTER_SECONDS:
            self.deaths = 0
        pause = BACKOFF_SECONDS[min(self.deaths, len(BACKOFF_SECONDS) - 1)]
        self.deaths += 1
        self.is_ready = False
        self.start_again_at = time.monotonic() + pause
        return pause

    def ask_to_stop(self) -> None:
        """Let the process finish what it has in its hands; it tells its own children."""
        if self.process and not self.has_ended():
            self.process.terminate()

    def end_group(self) -> None:
        """End the process and all that it has started, at once."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def how_it_ended(self) -> str:
        """`exit code 1`, or the name of the signal that ended it."""
        code = self.process.returncode if self.process else None
        if code is not None and code < 0:
            return signal.Signals(-code).name
        return f"exit code {code}"
