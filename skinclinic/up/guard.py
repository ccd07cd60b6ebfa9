"""The guard: what makes sure that a supervisor that is killed leaves nothing behind. Standard library only.

It is a process of its own, in a session of its own, at the reading end of a pipe. The supervisor and the
parts tell it, a line each, which process groups (`+PID`, `-PID`) and temporary folders (`~PATH`) exist. When
the pipe closes, because the supervisor has ended in whatever way, it ends the groups that are left and removes
the folders. It is portable: Linux's parent-death signal would reach a part, but not what a part has started.

A part writes its own `+PID` between fork and exec, so there is no moment at which the guard does not know it.
"""

import contextlib
import os
import shutil
import signal
import sys
import time

# What a part needs to finish the photo in its hands.
GRACE_SECONDS = 3.0


def main(descriptor: int) -> None:
    """Read the pipe to its end, then clear up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    folders: list[str] = []
    with os.fdopen(descriptor, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            kind, rest = line[:1], line[1:].rstrip("\n")
            if kind == "+":
                groups.add(int(rest))
            elif kind == "-":
                groups.discard(int(rest))
            elif kind == "~":
                folders.append(rest)
    end(groups)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def end(groups: set[int], grace: float = GRACE_SECONDS) -> None:
    """Ask the groups to stop, and after `grace` seconds make them."""
    left = {group for group in groups if _signal(group, signal.SIGTERM)}
    until = time.monotonic() + grace
    while left and time.monotonic() < until:
        time.sleep(0.05)
        left = {group for group in left if _signal(group, 0)}
    for group in left:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """True when there was a process in the group to receive it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


if __name__ == "__main__":
    main(int(sys.argv[1]))
