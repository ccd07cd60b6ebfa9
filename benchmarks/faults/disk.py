"""The disk for photos, uploads and (with SQLite) the database is full."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faults.ground import Ground, NotPossible

_MEGABYTES = 96
_CLONE_NEWNS, _MS_REC_PRIVATE, _MNT_DETACH = 0x20000, 0x4000 | 0x40000, 2


@contextmanager
def small_disk(place: Path) -> Iterator[Path | None]:
    """A file system of its own at `place`, which only this process and its children see; None where that is refused.

    It is gone with the last of them, whichever way they end.
    """
    place.mkdir(parents=True, exist_ok=True)
    libc = ctypes.CDLL(None)
    mounted = _mount(libc, place)
    try:
        yield place if mounted else None
    finally:
        if mounted:
            libc.umount2(os.fsencode(place), _MNT_DETACH)


def _mount(libc: ctypes.CDLL, place: Path) -> bool:
    try:
        return bool(
            libc.unshare(_CLONE_NEWNS) == 0
            and libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None) == 0
            and libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", 0, b"size=%dm" % _MEGABYTES) == 0
        )
    except AttributeError:  # not Linux
        return False


def full_during_intake(ground: Ground) -> None:
    """The disk fills while photos arrive, small ones and some that are spooled to disk; later there is room again."""
    from uuid6 import uuid7

    if ground.small_disk is None:
        raise NotPossible("mounting a small disk takes root on Linux")
    ground.halt()
    ground.send(2)
    # Made while there is room, as everything that the benchmark itself writes.
    number = ground.few(6, 2)
    spare, later = ground.drafts(2), ground.drafts(number)
    before = _files(ground.small_disk)
    with _Ballast(ground.small_disk):
        ground.go_on()
        told = set()
        for case, large in zip(spare, (False, True), strict=True):
            told.add(ground.try_to_send(uuid7(), case, ground.shot(large=large)))
        if not told <= {"507", "503"} or "507" not in told:
            raise RuntimeError(f"On a full disk clients were told {told}")
        left = _files(ground.small_disk) - before
        if left:
            raise RuntimeError(f"On a full disk files were left behind: {left}")
        sending = ground.sending(number, cases=later)
        ground.until(lambda: sum(ground.answers.values()), "a client is answered")
    for _id, future in sending:
        future.result()


class _Ballast:
    """Fills a disk to the last byte, and takes the filling away at the end."""

    def __init__(self, disk: Path) -> None:
        self._file = disk / "ballast"

    def __enter__(self) -> None:
        with self._file.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 65536)
            except OSError:
                return

    def __exit__(self, *_: object) -> None:
        self._file.unlink()


def _files(disk: Path) -> set[str]:
    """Of photos and uploads."""
    return {str(path) for name in ("media", "tmp") for path in (disk / name).rglob("*") if path.is_file()}
