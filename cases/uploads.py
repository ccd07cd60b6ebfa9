"""Stops an upload at the limit while it arrives, before it fills the disk for temporary files."""

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
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


def too_large(request: HttpRequest | None) -> list[str]:
    """The names of the files that were dropped from a request that has been read."""
    return getattr(request, _DROPPED, [])
