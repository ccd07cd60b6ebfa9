"""What is answered where no view answers: programs get JSON in the API's own form, people a page."""

import sys
from http import HTTPStatus

import structlog
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views import defaults

from accounts.doors import page_before
from cases import outages

API = "/api/"
_AGAIN_IN_SECONDS = "5"

log = structlog.get_logger(__name__)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if request.path.startswith(API):
        return _problem(
            _("There is nothing at this address. The API's description is at /api/v1/docs/."), "not_found", 404
        )
    return defaults.page_not_found(request, exception)


def broke(request: HttpRequest) -> HttpResponseBase:
    """A surprise, or the lack of something that the service needs; Django calls it while it handles the exception."""
    error = sys.exc_info()[1]
    if error is not None and outages.is_disk_full(error):
        log.error("disk_full")
        sentence = _("The server has no space left. Nothing was saved. Tell your administrator, then do it again.")
        return _outage(request, sentence, "disk_full", HTTPStatus.INSUFFICIENT_STORAGE)
    if error is not None and outages.is_database_away(error):
        sentence = _("The database does not answer. Wait a moment and do it again; nothing is done twice.")
        answer = _outage(request, sentence, "database_away", HTTPStatus.SERVICE_UNAVAILABLE)
        answer["Retry-After"] = _AGAIN_IN_SECONDS
        return answer
    if request.path.startswith(API):
        return _problem(
            _("The server could not do this. Try again; if it stays, tell your administrator."), "error", 500
        )
    return defaults.server_error(request)


def send_again(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """A page's token is not the session's any more, as after signing out in another window: back to that page.

    Whoever is not signed in is asked to on the way.
    """
    sentence = _("You signed out or in again in another window since this page was opened. Load it again.")
    if not request.accepts("text/html"):
        return JsonResponse({"error": sentence, "code": "signed_out"}, status=HTTPStatus.FORBIDDEN)
    return render(request, "403_csrf.html", {"back": page_before(request)}, status=HTTPStatus.FORBIDDEN)


def _outage(request: HttpRequest, sentence: str, code: str, status: HTTPStatus) -> HttpResponseBase:
    if request.path.startswith(API):
        return _problem(sentence, code, status)
    if not request.accepts("text/html"):
        return JsonResponse({"error": sentence, "code": code}, status=status)
    # Without the request, whose session may be what could not be read.
    return render(None, "500.html", {"sentence": sentence, "status": int(status)}, status=status)


def _problem(sentence: str, code: str, status: int) -> JsonResponse:
    return JsonResponse({"detail": sentence, "code": code}, status=status)
