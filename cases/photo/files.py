"""A photo's bytes for a person whom a door has let in: sent from here, by nginx, or by the object storage.

A file never changes under its address, but who may see it does, and clinics share computers: browsers keep it and ask
each time whether they may show it still, which costs a round trip and no bytes. Only what a browser fetches ahead it
may show for some minutes without asking, so that the next photo is there at once; signing out empties its cache
(accounts/middleware.py). Shared caches keep nothing.
"""

import re
from pathlib import PurePath
from urllib.parse import quote

from django.conf import settings
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag

from cases.ahead import is_fetched_ahead
from cases.photo.storage import Body

CACHE = "private, no-cache"
CACHE_AHEAD = "private, max-age=300"
# How PHOTOS_SERVED_BY is spelled.
APP, NGINX, STORAGE = "app", "nginx", "storage"
# nginx knows the folder of photos by this name, and shows it to nobody by itself (docs/deployment.md).
NGINX_LOCATION = "/protected-photos/"
LINK_SECONDS = 60
# One range (RFC 9110 section 14.1.2). Of several the whole file is sent, as section 14.2 allows.
_ONE_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII | re.IGNORECASE)


def answer(request: HttpRequest, file: FieldFile, *, content_type: str, tag: str) -> HttpResponseBase:
    """The file, inline, for this person's browser only; `tag` names the content, which never changes under it.

    Raises:
        Http404: the file is missing.
    """
    etag = quote_etag(tag)
    response: HttpResponseBase | None = get_conditional_response(request, etag=etag)
    if response is None:
        try:
            response = _handed_off(file, content_type) or _sent(request, file, content_type, etag)
        except FileNotFoundError as error:
            raise Http404 from error
    if settings.PHOTOS_SERVED_BY != NGINX:
        response["ETag"] = etag
    return private(response, CACHE_AHEAD if is_fetched_ahead(request) else CACHE)


def private(response: HttpResponseBase, cache: str = CACHE) -> HttpResponseBase:
    response.headers.setdefault("Cache-Control", cache)
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _handed_off(file: FieldFile, content_type: str) -> HttpResponseBase | None:
    """The word to another server that it may send the file; None where this one does."""
    name = file.name or ""
    if settings.PHOTOS_SERVED_BY == NGINX:
        # nginx sets length, ranges and a tag of its own, and asks for none of ours.
        response = HttpResponse(content_type=content_type)
        response["X-Accel-Redirect"] = NGINX_LOCATION + quote(name)
        response["Content-Disposition"] = f'inline; filename="{PurePath(name).name}"'
        return response
    if settings.PHOTOS_SERVED_BY == STORAGE:
        link = file.storage.link(  # type: ignore[attr-defined]
            name, seconds=LINK_SECONDS, content_type=content_type, filename=PurePath(name).name
        )
        moved = HttpResponseRedirect(link)
        moved["Cache-Control"] = "private, no-store"
        return moved
    return None


def _sent(request: HttpRequest, file: FieldFile, content_type: str, etag: str) -> HttpResponseBase:
    name, wanted = file.name or "", _wanted(request, etag)
    storage = file.storage
    if wanted is None:
        body, length = storage.part(name)  # type: ignore[attr-defined]
        response = FileResponse(body, content_type=content_type, filename=PurePath(name).name)
    else:
        size = storage.size(name)
        limits = _limits(*wanted, size)
        if limits is None:
            refused = HttpResponse(status=416, content_type=content_type)
            refused["Content-Range"] = f"bytes */{size}"
            return refused
        start, stop = limits
        body, length = storage.part(name, start, stop)  # type: ignore[attr-defined]
        response = FileResponse(
            _Part(body, length), status=206, content_type=content_type, filename=PurePath(name).name
        )
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    response["Content-Length"] = str(length)
    response["Accept-Ranges"] = "bytes"
    return response


def _wanted(request: HttpRequest, etag: str) -> tuple[str, str] | None:
    """First and last byte as the browser asks for them; None for the whole file."""
    known = request.headers.get("If-Range", etag)
    found = _ONE_RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    # Only a GET has ranges, and only of the very content that the browser has begun with.
    if request.method != "GET" or known != etag or not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    return None if first and last and int(first) > int(last) else (first, last)


def _limits(first: str, last: str, size: int) -> tuple[int, int] | None:
    """From which byte up to (not including) which; None where there is nothing."""
    if not first:  # the last so many
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    return (start, stop) if start < stop else None


class _Part:
    """Reads no further than `length`."""

    def __init__(self, body: Body, length: int) -> None:
        self._body, self._left = body, length

    def read(self, size: int = -1) -> bytes:
        data = self._body.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._body.close()
