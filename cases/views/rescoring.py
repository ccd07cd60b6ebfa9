"""Pages' doors to the scoring of signed cases: for the leads of a clinic, about that clinic's cases."""

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.doors import requires
from accounts.middleware import clinic_of
from accounts.roles import Capability
from cases import access
from cases.models import Case, Rescoring
from cases.prediction import rescoring
from cases.views.doors import find, signed_in_person
from cases.worklist import second_looks
from inference.models import ModelVersion

PAGE_ROWS = 25
leads_only = requires(Capability.RESCORE_CASES)


@require_safe
@leads_only
def rescored_progress(request: HttpRequest, model_id: UUID) -> HttpResponse:
    """The part of the model's page that shows how far it has come."""
    version = get_object_or_404(ModelVersion, id=model_id)
    context = second_looks.context(signed_in_person(request), clinic_of(request), version)
    return render(request, "cases/rescoring/_progress.html", {"version": version, **context})


@require_POST
@leads_only
def rescored_start(request: HttpRequest, model_id: UUID) -> HttpResponse:
    version = get_object_or_404(ModelVersion, id=model_id)
    rescoring.start(clinic_of(request), version, by=str(request.user))
    return redirect("model_detail", version.id)


@require_POST
@leads_only
def rescored_cancel(request: HttpRequest, model_id: UUID) -> HttpResponse:
    version = get_object_or_404(ModelVersion, id=model_id)
    running = Rescoring.objects.filter(clinic=clinic_of(request), model_version=version, state="running").first()
    if running and rescoring.cancel(running):
        messages.success(request, _("Cancelled. What was scored stays; a new start goes on from there."))
    return redirect("model_detail", version.id)


@require_safe
@leads_only
def rescored_newest(request: HttpRequest) -> HttpResponse:
    """To the list of the newest model that flags a case nobody has looked at; the start page links here.

    `?late`: of those whose urgent opinion came after the signature.
    """
    version = second_looks.flagging(signed_in_person(request), clinic_of(request), late="late" in request.GET)
    if version is None:  # somebody looked at the last one meanwhile
        messages.info(request, _("Every such case has been looked at."))
        return redirect("model_list")
    return redirect("rescored_cases", version.id)


@require_safe
@leads_only
def rescored_cases(request: HttpRequest, model_id: UUID) -> HttpResponse:
    """The signed cases that the model would flag urgent and that were not flagged."""
    version = get_object_or_404(ModelVersion, id=model_id)
    person, clinic = signed_in_person(request), clinic_of(request)
    found = second_looks.newly_flagged(person, clinic, version)
    known = second_looks.context(person, clinic, version)
    pages = Paginator(found, PAGE_ROWS)
    pages.count = known["flagged"]  # counted once for the page and its pager
    page = pages.get_page(request.GET.get("page"))
    context = {"version": version, "page": page, "rows": second_looks.rows(page), **known}
    return render(request, "cases/rescoring/list.html", context)


@require_POST
@leads_only
def rescored_look(request: HttpRequest, model_id: UUID, case_id: UUID) -> HttpResponse:
    """Ticks a case off as looked at, or takes the tick back."""
    version = get_object_or_404(ModelVersion, id=model_id)
    case: Case = find(access.cases, request.user, Capability.RESCORE_CASES, id=case_id)
    if request.POST.get("undo"):
        second_looks.look_again(case, version)
    else:
        second_looks.look_at(case, version, signed_in_person(request))
    page = request.POST.get("page", "")
    address = redirect("rescored_cases", version.id)
    if page.isdecimal():
        address["Location"] += f"?page={page}"
    return address
