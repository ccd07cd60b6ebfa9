"""`Idempotency-Key` at the API's doors (cases/idempotency.py has the rule)."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from rest_framework import status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from cases import idempotency
from cases.idempotency import Claim, Repeat

HEADER, REPLAYED = "Idempotency-Key", "Idempotent-Replayed"
METHODS = ("POST", "PATCH")
# Nothing was done, and whether it may be done can change: these are asked anew.
_NOT_KEPT = {
    status.HTTP_401_UNAUTHORIZED,
    status.HTTP_403_FORBIDDEN,
    status.HTTP_404_NOT_FOUND,
    status.HTTP_412_PRECONDITION_FAILED,
    status.HTTP_429_TOO_MANY_REQUESTS,
}


class Answered(Exception):
    """The request was answered before."""

    def __init__(self, repeat: Repeat) -> None:
        super().__init__()
        self.repeat = repeat


class AnswersOnce(viewsets.GenericViewSet):
    """A POST or PATCH with an `Idempotency-Key` is carried out once, and answered the same way again for 24 hours."""

    records: Callable[..., QuerySet]
    # Actions that change nothing and need no key.
    reading_posts: tuple[str, ...] = ()
    # Whether answers that show one record carry its ETag (cases/api/preconditions.py).
    tagged = False
    claim: Claim | None = None

    def takes_key(self) -> bool:
        return self.action is not None and self.action not in self.reading_posts

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # First of all who asks and whether they may: a stranger leaves no trace.
        super().initial(request, *args, **kwargs)
        key = request.headers.get(HEADER)
        if key is None or request.method not in METHODS or not self.takes_key():
            return
        found = idempotency.begin(
            user=cast(User, request.user),
            caller=getattr(request.auth, "digest", "") or "session",
            key=key,
            fingerprint=idempotency.fingerprint_of(request.method, request.path, request.data),
        )
        if isinstance(found, Repeat):
            raise Answered(found)
        self.claim = found

    def handle_exception(self, exc: Exception) -> HttpResponseBase:  # type: ignore[override]
        if isinstance(exc, Answered):
            return self._again(exc.repeat)
        try:
            return super().handle_exception(exc)
        except Exception:
            if self.claim:
                self.claim.release()
            raise

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Response:
        final = super().finalize_response(request, cast(Response, response), *args, **kwargs)
        if self.claim is None:
            return final
        if final.status_code >= status.HTTP_500_INTERNAL_SERVER_ERROR or final.status_code in _NOT_KEPT:
            self.claim.release()
            return final
        final.render()
        shown = final.data.get("id") if status.is_success(final.status_code) else None
        self.claim.keep(final.status_code, final.content, UUID(str(shown)) if shown else None)
        return final

    def id_for(self, fields: dict[str, Any]) -> UUID | None:
        """The new record's id: the client's own, else the one that the key's row holds for it."""
        return fields.pop("id", None) or (self.claim.record_id if self.claim else None)

    def shows(self, record_id: UUID) -> bool:
        """Whether the caller may see the record of a kept answer today."""
        return self.records(self.request.user).filter(pk=record_id).exists()

    def _again(self, repeat: Repeat) -> HttpResponseBase:
        if repeat.shown_id and not self.shows(repeat.shown_id):
            return super().handle_exception(Http404())
        return HttpResponse(
            repeat.body, status=repeat.status, content_type="application/json", headers={REPLAYED: "true"}
        )
