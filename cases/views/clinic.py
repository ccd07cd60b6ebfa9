"""How a clinic reads: its policy, its targets, and the switch that stops the AI."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.doors import requires
from accounts.middleware import clinic_of
from accounts.models import Clinic
from accounts.roles import Capability
from cases.errors import Refused
from cases.forms.clinic import PolicyForm
from cases.prediction import switch
from cases.reading import second_reads
from cases.views.doors import signed_in_person
from cases.views.said import saved
from cases.worklist import readable


@requires(Capability.SET_POLICY)
@require_http_methods(["GET", "HEAD", "POST"])
def policy(request: HttpRequest) -> HttpResponse:
    clinic = Clinic.objects.select_related("ai_stopped_by").get(id=clinic_of(request).id)
    form = PolicyForm(request.POST or None, instance=clinic)
    if request.method == "POST" and form.is_valid():
        form.save()
        saved(request)
        return redirect("clinic_policy")
    context = {
        "form": form,
        "clinic": clinic,
        "nobody_settles": second_reads.are_wanted(clinic) and not readable.arbiters(clinic).exists(),
    }
    return render(request, "cases/clinic/policy.html", context, status=422 if form.errors else 200)


@require_POST
@requires(Capability.STOP_AI)
def ai_stop(request: HttpRequest) -> HttpResponse:
    try:
        switch.stop(clinic_of(request).id, signed_in_person(request), request.POST.get("reason", ""))
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        saved(request, _("The AI was stopped %(time)s. Everything else goes on."))
    return redirect("clinic_policy")


@require_POST
@requires(Capability.STOP_AI)
def ai_start(request: HttpRequest) -> HttpResponse:
    try:
        switch.start(clinic_of(request).id, signed_in_person(request))
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        saved(request, _("The AI was started again %(time)s. Open cases get their opinions now."))
    return redirect("clinic_policy")
