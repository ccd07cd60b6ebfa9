"""Stops an upload at the limit while it arrives, before it fills the disk for temporary files."""

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile


class SizeLimitHandler(FileUploadHandler):
    """Drops a file that grows beyond PHOTO_MAX_BYTES; the view finds no file and says why (cases/views/photos.py)."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > settings.PHOTO_MAX_BYTES:
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
