"""The start page and the choice of clinic."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import can, clinics
from accounts.doors import signed_in
from accounts.middleware import SESSION_KEY, current_clinic
from accounts.roles import Capability

# What each role does next: the first page of these that the person may open. A doctor reads, staff begin with a
# search before they log anything, an integration's person reads the API's own pages.
_FIRST_PAGES = [
    (Capability.SIGN_READS, "worklist"),
    (Capability.OPEN_ADMIN, "admin:index"),
    (Capability.LOG_CASES, "patient_list"),
]


@require_safe
@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """Sends each person to what their role does next; tells those without a role whom to ask."""
    clinic = current_clinic(request)
    if clinic is None:
        return render(request, "accounts/no_role.html")
    for capability, page in _FIRST_PAGES:
        if can(request.user, clinic, capability):
            return redirect(page)
    return redirect("patient_list")


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
