"""What is answered where no view answers: programs get JSON in the API's own form, people a page."""

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults

API = "/api/"


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if request.path.startswith(API):
        return _problem(
            _("There is nothing at this address. The API's description is at /api/v1/docs/."), "not_found", 404
        )
    return defaults.page_not_found(request, exception)


def broke(request: HttpRequest) -> HttpResponseBase:
    if request.path.startswith(API):
        return _problem(
            _("The server could not do this. Try again; if it stays, tell your administrator."), "error", 500
        )
    return defaults.server_error(request)


def _problem(sentence: str, code: str, status: int) -> JsonResponse:
    return JsonResponse({"detail": sentence, "code": code}, status=status)
