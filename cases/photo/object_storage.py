"""Photos in S3-compatible storage. Needs boto3 (requirements-s3.txt); loaded only where S3_BUCKET is set.

A PUT is atomic and lasting once it is answered, so intake's order holds as it does on a disk: files first, row second.
Credentials come from boto3's own variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or from the machine's role.
"""

import base64
import hashlib
import io
import mimetypes
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible

from cases.photo.storage import Body

_MISSING = {"404", "NoSuchKey", "NotFound"}
# Somebody waits for the photo: better an error soon, after which the browser sends it again.
_CONFIG: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 20,
    "retries": {"mode": "standard", "total_max_attempts": 3},
    "signature_version": "s3v4",
    # Not every compatible server knows the newer checksums; `_save` sends an MD5, which all check.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}


@deconstructible(path="cases.photo.object_storage.ObjectStorage")
class ObjectStorage(Storage):
    """The bucket `bucket` at `endpoint` (AWS where empty); browsers reach it at `public` where that is another."""

    def __init__(self, bucket: str, endpoint: str = "", public: str = "", region: str = "us-east-1") -> None:
        self.bucket, self.endpoint, self.public, self.region = bucket, endpoint, public or endpoint, region

    def part(self, name: str, start: int = 0, stop: int | None = None) -> tuple[Body, int]:
        """The bytes from `start` up to `stop` (the end), and their number."""
        asked = {} if start == 0 and stop is None else {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}
        with _as_os_errors():
            answer = self._client.get_object(Bucket=self.bucket, Key=name, **asked)
        return answer["Body"], answer["ContentLength"]

    def link(self, name: str, *, seconds: int, content_type: str, filename: str) -> str:
        """An address at which whoever has it reads the file for so many seconds; nothing is asked of the storage."""
        shown = {
            "ResponseContentType": content_type,
            "ResponseContentDisposition": f'inline; filename="{filename}"',
            # As long as the link itself, so that no browser shows the photo after signing out.
            "ResponseCacheControl": f"private, max-age={seconds}",
        }
        return self._signer.generate_presigned_url(
            "get_object", Params={"Bucket": self.bucket, "Key": name, **shown}, ExpiresIn=seconds
        )

    def path(self, name: str) -> str:
        """Where a copy lies, for training, which opens photos by path; it is gone when this process ends."""
        copy = Path(self._copies.name) / name
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            with self.open(name) as file:
                copy.write_bytes(file.read())
        return str(copy)

    def answers(self) -> bool:
        """Whether the bucket is there and may be used."""
        try:
            with _as_os_errors():
                self._client.head_bucket(Bucket=self.bucket)
        except OSError:
            return False
        return True

    def delete(self, name: str) -> None:
        with _as_os_errors():
            self._client.delete_object(Bucket=self.bucket, Key=name)

    def move(self, name: str, target: str) -> None:
        """Gives an object another name, which nobody else uses: it is there twice for a moment, never not at all."""
        with _as_os_errors():
            self._client.copy_object(Bucket=self.bucket, Key=target, CopySource={"Bucket": self.bucket, "Key": name})
            self._client.delete_object(Bucket=self.bucket, Key=name)

    def exists(self, name: str) -> bool:
        try:
            self._head(name)
        except FileNotFoundError:
            return False
        return True

    def size(self, name: str) -> int:
        return self._head(name)["ContentLength"]

    def get_modified_time(self, name: str) -> datetime:
        return self._head(name)["LastModified"]

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """(folders, files) directly in `path`."""
        start, folders, files = f"{path.rstrip('/')}/", [], []
        with _as_os_errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=start, Delimiter="/"
            )
            for page in pages:
                folders += [each["Prefix"].removeprefix(start).rstrip("/") for each in page.get("CommonPrefixes", [])]
                files += [each["Key"].removeprefix(start) for each in page.get("Contents", [])]
        return folders, files

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        # Names are random (cases/photo/intake.py), and asking costs a round trip.
        return name

    def _open(self, name: str, mode: str = "rb") -> File:
        body, _length = self.part(name)
        with _as_os_errors():
            return File(io.BytesIO(body.read()), name)

    def _save(self, name: str, content: File) -> str:
        data = content.read()
        with _as_os_errors():
            self._client.put_object(
                Bucket=self.bucket,
                Key=name,
                Body=data,
                ContentType=mimetypes.guess_type(name)[0] or "application/octet-stream",
                ContentMD5=base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
            )
        return name

    def _head(self, name: str) -> dict[str, Any]:
        with _as_os_errors():
            return cast(dict[str, Any], self._client.head_object(Bucket=self.bucket, Key=name))

    @cached_property
    def _copies(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="skinclinic-photos-")

    # Made at the first use, so that no connection is shared by processes that forked.
    @cached_property
    def _client(self) -> Any:
        return _client(self.endpoint, self.region)

    @cached_property
    def _signer(self) -> Any:
        return self._client if self.public == self.endpoint else _client(self.public, self.region)


def _client(endpoint: str, region: str) -> Any:
    # A server of one's own seldom answers at a name for each bucket.
    config = Config(s3={"addressing_style": "path" if endpoint else "virtual"}, **_CONFIG)
    # A session of its own: the shared one is not made for threads.
    return boto3.session.Session().client("s3", endpoint_url=endpoint or None, region_name=region, config=config)


@contextmanager
def _as_os_errors() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _MISSING:
            raise FileNotFoundError(code) from error
        raise OSError(f"The object storage refused: {code}") from error
    except BotoCoreError as error:
        raise OSError(f"The object storage does not answer: {type(error).__name__}") from error
