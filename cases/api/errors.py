"""One shape for every refusal of the API: `{"detail": sentence, "code": word}`; invalid fields in DRF's own form."""

from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound, ParseError, ValidationError
from rest_framework.exceptions import PermissionDenied as ApiPermissionDenied
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from cases import idempotency
from cases.api import preconditions
from cases.errors import Conflict, Refused
from cases.pixels.errors import PhotoRefused
from cases.views import photos
from inference.registry import RegistryError

# What the record's present state stands against is a conflict; the rest is a wish that never could be carried out.
_STATUSES = {
    **photos.STATUSES,
    "not_allowed": status.HTTP_403_FORBIDDEN,
    "id_taken": status.HTTP_409_CONFLICT,
    "mrn_taken": status.HTTP_409_CONFLICT,
    "no_photo": status.HTTP_409_CONFLICT,
    "no_version": status.HTTP_404_NOT_FOUND,
    idempotency.IN_PROGRESS: status.HTTP_409_CONFLICT,
    preconditions.CHANGED: status.HTTP_412_PRECONDITION_FAILED,
    "ai_hidden": status.HTTP_409_CONFLICT,
    idempotency.REUSED: status.HTTP_422_UNPROCESSABLE_ENTITY,
}


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, Refused):
        refusal = _refused(str(error), error.code, _status(error))
        if error.code == idempotency.IN_PROGRESS:
            refusal["Retry-After"] = "1"
        return refusal
    if isinstance(error, RegistryError):
        return _refused(str(error), "registry", status.HTTP_409_CONFLICT)
    if isinstance(error, RequestDataTooBig):
        return _refused(_("The request is too long."), "too_long", status.HTTP_413_REQUEST_ENTITY_TOO_LARGE)
    if isinstance(error, Http404):
        error = NotFound()
    elif isinstance(error, PermissionDenied):
        error = ApiPermissionDenied()
    elif isinstance(error, SuspiciousOperation):
        error = ParseError()  # of a form with more fields or files than Django takes
    response = exception_handler(error, context)
    if response is not None and isinstance(error, APIException) and not isinstance(error, ValidationError):
        response.data = {"detail": str(error.detail), "code": getattr(error.detail, "code", error.default_code)}
    return response


def _refused(sentence: str, code: str, http_status: int) -> Response:
    set_rollback()
    return Response({"detail": sentence, "code": code}, status=http_status)


def _status(refusal: Refused) -> int:
    default: int = status.HTTP_400_BAD_REQUEST
    if isinstance(refusal, Conflict):
        default = status.HTTP_409_CONFLICT
    elif isinstance(refusal, PhotoRefused):
        default = status.HTTP_422_UNPROCESSABLE_ENTITY
    return int(_STATUSES.get(refusal.code, default))
