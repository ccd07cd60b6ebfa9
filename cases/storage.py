"""Files that are whole or not there: what a crash or a full disk cuts short is never seen under its final name.

Both storages read a part of a file for a door that sends it (cases/files.py), and raise OSError, FileNotFoundError
among them, whatever their libraries raise.
"""

import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.utils.deconstruct import deconstructible

PARTIAL = ".partial"


class Body(Protocol):
    """Bytes that are still to be read."""

    def read(self, size: int = -1, /) -> bytes: ...

    def close(self) -> None: ...


@deconstructible(path="cases.storage.DurableFileSystemStorage")
class DurableFileSystemStorage(FileSystemStorage):
    """Writes beside the target, flushes to disk, renames. Object storage does the same by itself."""

    def part(self, name: str, start: int = 0, stop: int | None = None) -> tuple[Body, int]:
        """The bytes from `start` up to `stop` (the end), and their number."""
        file = Path(self.path(name)).open("rb")  # noqa: SIM115 (whoever asked closes it)
        size = os.fstat(file.fileno()).st_size
        file.seek(start)
        return file, (size if stop is None else stop) - start

    def _save(self, name: str, content: File) -> str:
        target = Path(self.path(name))
        partial = target.with_name(f".{uuid.uuid4().hex}{PARTIAL}")
        fresh = [folder for folder in target.parents if not folder.exists()]
        try:
            saved = Path(self.path(super()._save(str(partial.relative_to(self.location)), content)))  # type: ignore[misc]
            _flush(saved)
            # A link instead of a rename would refuse to replace, but names are random and some file systems
            # know no links.
            saved.replace(target)
            _flush(target.parent)
            # A folder is as lasting as its entry in the one above.
            for folder in fresh:
                _flush(folder.parent)
        except BaseException:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise
        return name


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
