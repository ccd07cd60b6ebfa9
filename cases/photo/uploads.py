"""Uploads on their way to the disk for temporary files: no more than a photo may have, and no half of one."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, TemporaryFileUploadHandler
from django.http import HttpRequest

_DROPPED = "_photos_too_large"


class SizeLimitHandler(FileUploadHandler):
    """Drops a file that grows beyond PHOTO_MAX_BYTES; the door says so of each that `too_large` names."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > settings.PHOTO_MAX_BYTES:
            setattr(self.request, _DROPPED, [*too_large(self.request), self.file_name or ""])
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


class SpoolHandler(TemporaryFileUploadHandler):
    """Django's, but what a full disk cuts short is removed at once, for the error would hold on to it."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        with self._whole_or_gone():
            super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> UploadedFile | None:
        # What is still in memory is written now.
        with self._whole_or_gone():
            return super().file_complete(file_size)

    @contextmanager
    def _whole_or_gone(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            # Closing writes once more, in vain, and then removes the file.
            with suppress(OSError):
                self.file.close()
            raise


def too_large(request: HttpRequest | None) -> list[str]:
    """The names of the files that were dropped from a request that has been read."""
    return getattr(request, _DROPPED, [])
