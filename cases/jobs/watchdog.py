"""An end to work that never ends: a decoder or a network that hangs would hold its worker, and with it the queue."""

import faulthandler
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def ends_this_process(after: float) -> Iterator[None]:
    """Ends the process with code 1 if the block takes longer than `after` seconds, and says where each thread stood.

    A thread of the interpreter's own watches and needs no lock, so native code that hangs does not keep it from it.
    Whoever started the process starts it again, and the row's lease brings the work to another. One block at a time.
    """
    # Not sys.stderr: Celery puts an object without a descriptor in its place.
    faulthandler.dump_traceback_later(after, exit=True, file=_STDERR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
