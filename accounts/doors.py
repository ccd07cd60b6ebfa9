"""The guard at every page's door: who is not signed in signs in first, who holds no role here is refused."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from accounts.access import can
from accounts.middleware import clinic_of
from accounts.roles import Capability

View = Callable[..., HttpResponse]


def signed_in(view: View) -> View:
    """Sends strangers to the sign-in page, and back to where they were afterwards."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        htmx = getattr(request, "htmx", None)
        if htmx:
            # A part of a page was asked for: the whole page goes to the sign-in, not the part.
            return HttpResponseClientRedirect(redirect_to_login(htmx.current_url_abs_path or "/").url)
        # After signing in a form is not sent again by itself, so the way back is to the page where it stands.
        return redirect_to_login(request.get_full_path() if request.method == "GET" else page_before(request))

    return guarded


def page_before(request: HttpRequest) -> str:
    """The path of our own page from which this was sent; the start page where the browser does not say."""
    sender = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(sender, request.get_host(), require_https=request.is_secure()):
        return "/"
    return urlsplit(sender)._replace(scheme="", netloc="").geturl() or "/"


def requires(capability: Capability) -> Callable[[View], View]:
    """Lets those in who hold `capability` in the clinic that they work in just now; others get 403.

    For pages about a clinic. Pages about one record ask the record's own clinic (cases/views/doors.py).
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not can(request.user, clinic_of(request), capability):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return signed_in(guarded)

    return decorate


def requires_permission(permission: str) -> Callable[[View], View]:
    """Lets those in to whom the roles grant a Django permission (accounts/backends.py); others get 403.

    For pages about what no clinic owns, which the platform's operator may open too.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return signed_in(guarded)

    return decorate
