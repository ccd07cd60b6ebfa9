"""One `up` for one `var/`: a lock, and beside it who holds it."""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import IO, Any

from skinclinic.bootstrap import Refused, mendable

# What the guard of a killed supervisor takes to clear up (guard.GRACE_SECONDS, and a little).
_WAIT_SECONDS = 6.0


class OnlyOne:
    """Hold the lock of `var`; raises `Refused` when another `up` has it."""

    def __init__(self, var: Path, address: str) -> None:
        self._note = var / "up.json"
        with mendable(var):
            var.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock: IO[str] = (var / "up.lock").open("w")
        self._take()
        with mendable(self._note):
            self._note.write_text(json.dumps({"pid": os.getpid(), "address": address}), encoding="utf-8")

    def _take(self) -> None:
        until = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                holder = self._holder()
            # The guard of an `up` that was killed holds the lock until it has cleared up: worth waiting for.
            if _is_alive(holder.get("pid")) or time.monotonic() > until:
                raise Refused(
                    f"skinclinic already runs at {holder.get('address', 'an unknown address')} "
                    f"(process {holder.get('pid', 'unknown')}): use that one, or stop it with Ctrl-C first."
                )
            time.sleep(0.1)

    def _holder(self) -> dict[str, Any]:
        try:
            holder = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return holder if isinstance(holder, dict) else {}

    def fileno(self) -> int:
        """The descriptor to leave with whoever must keep the lock (the guard)."""
        return self._lock.fileno()

    def release(self) -> None:
        """Give the lock back; the next `up` may start at once."""
        self._note.unlink(missing_ok=True)
        self._lock.close()


def _is_alive(pid: object) -> bool:
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
