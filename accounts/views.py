"""The choice of clinic, and a person's own settings."""

from django.contrib import messages
from django.forms import modelform_factory
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import clinics
from accounts.doors import signed_in
from accounts.middleware import SESSION_KEY
from accounts.models import User

SettingsForm = modelform_factory(User, fields=["single_keys"])


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


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def own_settings(request: HttpRequest) -> HttpResponse:
    """What a person has chosen for themselves, on every device."""
    assert isinstance(request.user, User)  # signed_in
    form = SettingsForm(instance=request.user)
    if request.method == "POST":
        form = SettingsForm(request.POST, instance=request.user)
        if form.is_valid():
            form.save()
            messages.success(request, _("Saved. It holds from now on, on every device."))
            return redirect("own_settings")
    return render(request, "accounts/settings.html", {"form": form})
