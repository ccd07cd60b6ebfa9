"""How `chaos` and the product's processes talk: through files in the folder CHAOS_DIR."""

import os
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path


def folder() -> Path:
    return Path(os.environ["CHAOS_DIR"])


# --- The clock ------------------------------------------------------------------------------------------

_real_time = time.time


def set_clock(seconds: float) -> None:
    """From now on the product's clocks are so many seconds ahead of (or, negative, behind) the machine's."""
    fresh = folder() / "clock.new"
    fresh.write_text(str(seconds))
    fresh.replace(folder() / "clock")


def ahead() -> float:
    with suppress(OSError):
        return float((folder() / "clock").read_text())
    return 0.0


def follow_clock() -> None:
    """Makes this process's time of day the one that was set. The monotonic clock stays, as it does on a machine."""
    from django.utils import timezone

    real_now = timezone.now
    timezone.now = lambda: real_now() + timedelta(seconds=ahead())
    time.time = lambda: _real_time() + ahead()


# --- Work that is held ----------------------------------------------------------------------------------


def hold() -> None:
    """The next computation of each worker process does not end until `let_go`."""
    (folder() / "hold").touch()


def let_go() -> None:
    (folder() / "hold").unlink(missing_ok=True)


def is_held() -> bool:
    return (folder() / "hold").exists()


def note_computing() -> None:
    with (folder() / "computing").open("a") as file:
        file.write(f"{os.getpid()}\n")


def computing() -> list[int]:
    """The processes that have begun a computation, in time order, as often as they did."""
    with suppress(OSError):
        return [int(line) for line in (folder() / "computing").read_text().split()]
    return []
