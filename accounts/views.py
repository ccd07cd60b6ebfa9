"""The choice of clinic."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.access import clinics
from accounts.doors import signed_in
from accounts.middleware import SESSION_KEY


@require_POST
@signed_in
def clinic_switch(request: HttpRequest) -> HttpResponse:
    """Works in another clinic from now on; a page about the former clinic's records would be a dead end."""
    chosen = request.POST.get("clinic", "")
    held = {str(clinic.id) for clinic in clinics(request.user)}
    if chosen not in held:
        raise Http404
    request.session[SESSION_KEY] = chosen
    return redirect("home")
