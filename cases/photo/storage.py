"""Files that are whole or not there: what a crash or a full disk cuts short is never seen under its final name.

Both storages read a part of a file for a door that sends it (cases/photo/files.py), and raise OSError,
FileNotFoundError among them, whatever their libraries raise.
"""

import os
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, default_storage
from django.utils.deconstruct import deconstructible

PARTIAL = ".partial"


class Body(Protocol):
    """Bytes that are still to be read."""

    def read(self, size: int = -1, /) -> bytes: ...

    def close(self) -> None: ...


def save_together(contents: Mapping[str, bytes]) -> None:
    """Saves files under the names that they are given, which nobody else uses.

    Raises:
        OSError: the storage does not take them; some may be there.
    """
    together = getattr(default_storage, "save_together", None)
    if together is not None:
        together(contents)
        return
    # Object storage (cases/photo/object_storage.py) writes whole objects, one at a time.
    for name, content in contents.items():
        default_storage.save(name, ContentFile(content))


@deconstructible(path="cases.photo.storage.DurableFileSystemStorage")
class DurableFileSystemStorage(FileSystemStorage):
    """Writes beside the target, flushes to disk, renames. Object storage does the same by itself."""

    def part(self, name: str, start: int = 0, stop: int | None = None) -> tuple[Body, int]:
        """The bytes from `start` up to `stop` (the end), and their number."""
        file = Path(self.path(name)).open("rb")  # noqa: SIM115 (whoever asked closes it)
        size = os.fstat(file.fileno()).st_size
        file.seek(start)
        return file, (size if stop is None else stop) - start

    def save_together(self, contents: Mapping[str, bytes]) -> None:
        self._write({name: [content] for name, content in contents.items()})

    def move(self, name: str, target: str) -> None:
        """Gives a file another name, which nobody else uses."""
        source, there = Path(self.path(name)), Path(self.path(target))
        self._make(there.parent)
        source.replace(there)
        for folder in (there.parent, source.parent):
            _flush(folder)

    def _save(self, name: str, content: File) -> str:
        self._write({name: content.chunks()})
        return name

    def _write(self, files: Mapping[str, Iterable[bytes]]) -> None:
        """Each is whole before it has its name; each folder is flushed once, when all names stand in it."""
        moves: dict[Path, Path] = {}
        try:
            for name, chunks in files.items():
                target = Path(self.path(name))
                self._make(target.parent)
                partial = target.with_name(f".{uuid.uuid4().hex}{PARTIAL}")
                moves[partial] = target
                self._write_one(partial, chunks)
            for partial in moves:
                _flush(partial)
            for partial, target in moves.items():
                # A link instead of a rename would refuse to replace, but names are random and some file systems
                # know no links.
                partial.replace(target)
            for folder in dict.fromkeys(target.parent for target in moves.values()):
                _flush(folder)
        except BaseException:
            for partial in moves:
                with suppress(OSError):
                    partial.unlink(missing_ok=True)
            raise

    def _write_one(self, path: Path, chunks: Iterable[bytes]) -> None:
        mode = 0o666 if self.file_permissions_mode is None else self.file_permissions_mode
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            for chunk in chunks:
                file.write(chunk)

    def _make(self, folder: Path) -> None:
        """The folder, with those above it; each is flushed into the one that holds it."""
        if folder.is_dir():
            return
        self._make(folder.parent)
        folder.mkdir(
            0o777 if self.directory_permissions_mode is None else self.directory_permissions_mode, exist_ok=True
        )
        _flush(folder.parent)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
