"""What an integration does: POST photos over a kept connection."""

import http.client
import json
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

BOUNDARY = "photo-of-a-benchmark"


class Client:
    """One connection, kept open."""

    def __init__(self, url: str, token: str = "") -> None:
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        self._headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        if token:
            self._headers["Authorization"] = f"Token {token}"

    def post_photo(self, case_id: UUID, photo: bytes) -> dict[str, Any]:
        """To our API; the photo as it was taken in."""
        return json.loads(self.post("/api/v1/images/", form(photo, case=str(case_id)), wanted=201))

    def post(self, path: str, body: bytes, *, wanted: int = 200) -> bytes:
        """The answer's body.

        Raises:
            RuntimeError: the answer has another status; a measurement of refusals means nothing.
        """
        self._connection.request("POST", path, body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != wanted:
            raise RuntimeError(f"{path} answered {answer.status}: {content[:500]!r}")
        return content

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def form(photo: bytes, **fields: str) -> bytes:
    """A multipart body with `photo` as the file."""
    lines = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = 'Content-Disposition: form-data; name="file"; filename="photo.jpg"\r\nContent-Type: image/jpeg'
    lines.append(f"--{BOUNDARY}\r\n{head}\r\n\r\n")
    return b"".join(["".join(lines).encode(), photo, f"\r\n--{BOUNDARY}--\r\n".encode()])
