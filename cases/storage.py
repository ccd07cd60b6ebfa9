"""Files that are whole or not there: what a crash or a full disk cuts short is never seen under its final name."""

import os
import uuid
from contextlib import suppress
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.utils.deconstruct import deconstructible

PARTIAL = ".partial"


@deconstructible(path="cases.storage.DurableFileSystemStorage")
class DurableFileSystemStorage(FileSystemStorage):
    """Writes beside the target, flushes to disk, renames. Object storage does the same by itself."""

    def _save(self, name: str, content: File) -> str:
        target = Path(self.path(name))
        partial = target.with_name(f".{uuid.uuid4().hex}{PARTIAL}")
        try:
            saved = Path(self.path(super()._save(str(partial.relative_to(self.location)), content)))  # type: ignore[misc]
            _flush(saved)
            # A link instead of a rename would refuse to replace, but names are random and some file systems
            # know no links.
            saved.replace(target)
            _flush(target.parent)
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
