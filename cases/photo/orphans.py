"""Files that no row names, left behind by a crash between a photo's files and its row (cases/photo/intake.py).

A crash, a wrong or empty database, the backup of last week: from here they look the same, files without rows. So an
orphan is moved aside first, comes back by itself when a row names it again, and is removed a month later; and nothing
at all is moved where it looks as if it were the rows that are missing.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.utils import timezone

from cases.models import LesionImage
from cases.photo.intake import FOLDER

log = structlog.get_logger(__name__)

# Under it a folder for each day, and in that the file's path as it was.
ASIDE = f"{FOLDER}/.orphans"
AFTER = timedelta(days=1)
REMOVED_AFTER = timedelta(days=30)
# A crash leaves three files. As many as this, which are also this share of all, are no work of crashes.
DOUBTFUL_NUMBER, DOUBTFUL_SHARE = 20, 0.01
_DOUBT = "photos.orphans.doubt"
_DOUBT_SECONDS = 2 * 24 * 3600  # the sweep comes daily and says it again


class Doubtful(Exception):
    """So many files have no row that it is the rows that seem to be missing; the text says how many. Nothing moved."""


@dataclass(frozen=True)
class Swept:
    """What a sweep did, in numbers of files."""

    set_aside: int
    put_back: int
    removed: int


def sweep(older_than: timedelta = AFTER, *, kept_for: timedelta = REMOVED_AFTER, force: bool = False) -> Swept:
    """Puts back what a row names again, moves aside what none names, removes what has lain aside for long.

    Args:
        older_than: a younger file may get its row still.
        kept_for: how long a file lies aside.
        force: also where the rows seem to be missing.

    Raises:
        Doubtful: the database has no photo at all, or too many files would go; what has rows was put back.
    """
    put_back = _put_back()
    try:
        orphans = _orphans(timezone.now() - older_than, force=force)
    except Doubtful as doubt:
        log.error("orphan_sweep_refused", reason=str(doubt), mend="Is DATABASE_URL right, and the database whole?")
        with suppress(Exception):  # the cache's client has errors of its own; the log has said it
            cache.set(_DOUBT, str(doubt), _DOUBT_SECONDS)
        raise
    with suppress(Exception):
        cache.delete(_DOUBT)
    today = timezone.now().date()
    set_aside = sum(_moved(path, f"{ASIDE}/{today}/{path.removeprefix(f'{FOLDER}/')}") for path in orphans)
    swept = Swept(set_aside, put_back, _removed(today - kept_for))
    if any((swept.set_aside, swept.put_back, swept.removed)):
        log.info("orphans_swept", set_aside=swept.set_aside, put_back=swept.put_back, removed=swept.removed)
    return swept


def doubt() -> str | None:
    """Why the last sweep did nothing, where it did nothing."""
    try:
        return cache.get(_DOUBT)
    except Exception:
        # The cache's client has errors of its own; each means that nothing is known.
        return None


def walk(folder: str) -> Iterator[tuple[str, list[str]]]:
    """Each folder from `folder` down with the names of its files, without what lies aside."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield folder, files
    for inner in folders:
        if f"{folder}/{inner}" != ASIDE:
            yield from walk(f"{folder}/{inner}")


def _orphans(horizon: datetime, *, force: bool) -> list[str]:
    """The paths of what is older than `horizon` and has no row."""
    has_photos = LesionImage.objects.exists()
    orphans: list[str] = []
    with_row = 0
    for folder, names in walk(FOLDER):
        paths = {f"{folder}/{name}" for name in names}
        named = _named(folder) if has_photos else set()
        with_row += len(paths & named)
        for path in sorted(paths - named):
            # A file may go while we look at it.
            with suppress(FileNotFoundError):
                if default_storage.get_modified_time(path) < horizon:
                    orphans.append(path)
            if orphans and not (has_photos or force):
                raise Doubtful("there are files of photos, and the database knows of no photo at all")
    files = with_row + len(orphans)
    if len(orphans) >= DOUBTFUL_NUMBER and len(orphans) > DOUBTFUL_SHARE * files and not force:
        raise Doubtful(f"the database knows nothing of {len(orphans)} of {files} files of photos")
    return orphans


def _named(folder: str) -> set[str]:
    """The paths directly in `folder` that rows name."""
    rows = LesionImage.objects.filter(original__startswith=f"{folder}/")
    return {path for row in rows.values_list("original", "derivative", "thumbnail") for path in row}


def _put_back() -> int:
    """Moves what a row names again to where the row says it is."""
    number = 0
    for day in _days():
        for folder, names in walk(f"{ASIDE}/{day}"):
            inner = folder.removeprefix(f"{ASIDE}/{day}")
            # The first is the day's own folder, where nothing lies: a row there would be a query over all.
            named = _named(f"{FOLDER}{inner}") if names else set()
            for name in names:
                path = f"{FOLDER}{inner}/{name}"
                if path in named and not default_storage.exists(path):
                    number += _moved(f"{folder}/{name}", path)
    return number


def _removed(horizon: date) -> int:
    """Removes what was moved aside before the day `horizon`; the number of files."""
    number = 0
    for day in _days():
        if date.fromisoformat(day) > horizon:
            continue
        folders = list(walk(f"{ASIDE}/{day}"))
        for folder, names in folders:
            for name in names:
                default_storage.delete(f"{folder}/{name}")
                number += 1
        _delete_folders(folder for folder, _names in reversed(folders))
    return number


def _delete_folders(folders: Iterable[str]) -> None:
    """From the inside out; object storage has none."""
    for folder in folders:
        with suppress(OSError):
            default_storage.delete(folder)


def _days() -> list[str]:
    """The days on which something was moved aside, oldest first."""
    try:
        folders, _files = default_storage.listdir(ASIDE)
    except FileNotFoundError:
        return []
    return sorted(folder for folder in folders if _is_day(folder))


def _is_day(folder: str) -> bool:
    try:
        date.fromisoformat(folder)
    except ValueError:
        return False
    return True


def _moved(path: str, target: str) -> bool:
    # It may go, or another sweep may take it, while we look at it.
    with suppress(FileNotFoundError):
        default_storage.move(path, target)  # type: ignore[attr-defined]
        return True
    return False
