"""The clinic that a person works in just now, and its time zone; and what a browser forgets when they sign out."""

import zoneinfo
from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from accounts.models import Clinic, User

SESSION_KEY = "clinic"


class ClinicMiddleware:
    """Sets `request.clinic` (None for strangers and for people without a role) and the clinic's time zone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.clinic = clinic = current_clinic(request)  # type: ignore[attr-defined]
        if clinic is None:
            return self.get_response(request)
        with timezone.override(zoneinfo.ZoneInfo(clinic.time_zone)):
            return self.get_response(request)


class SignOutMiddleware:
    """Signing out empties the browser's cache of this site, so that "back" shows the next person no patient."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method == "POST" and request.path == reverse("account_logout"):
            response["Clear-Site-Data"] = '"cache"'
        return response


def clinic_of(request: HttpRequest) -> Clinic:
    """The clinic that the person works in just now, for doors that accounts/doors.py guards with `requires`.

    Raises:
        PermissionDenied: the person has no role anywhere.
    """
    clinic = getattr(request, "clinic", None)
    if clinic is None:
        raise PermissionDenied
    return clinic


def current_clinic(request: HttpRequest) -> Clinic | None:
    """The clinic chosen in this session if the person still has a role in it, else their first."""
    if not isinstance(request.user, User) or not request.user.held_memberships:
        return None
    held = {str(membership.clinic_id): membership.clinic for membership in request.user.held_memberships}
    return held.get(request.session.get(SESSION_KEY, "")) or request.user.held_memberships[0].clinic
