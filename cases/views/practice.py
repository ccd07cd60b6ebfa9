"""Practice: reading known cases, one's own scorecard, and what a lead puts in."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.doors import requires, signed_in
from accounts.middleware import clinic_of
from accounts.roles import Capability
from cases import access
from cases.errors import Refused
from cases.forms.practice import AnswerForm
from cases.models import Case, PracticeCase
from cases.photo import files
from cases.reading import practice
from cases.views.doors import find, signed_in_person
from cases.vocabulary import conditions

MOST_OFFERED = 25
readers_only = requires(Capability.SIGN_READS)
leads_only = requires(Capability.MANAGE_PRACTICE)


@require_safe
@readers_only
def practice_home(request: HttpRequest) -> HttpResponse:
    """The reader's own scorecard, and the way to the next one."""
    reader, clinic = signed_in_person(request), clinic_of(request)
    return render(request, "cases/practice/home.html", {"card": practice.scorecard(reader, clinic)})


@require_safe
@readers_only
def practice_next(request: HttpRequest) -> HttpResponse:
    found = practice.next_for(signed_in_person(request), clinic_of(request))
    if found is None:
        messages.info(request, _("You have read all practice cases."))
        return redirect("practice")
    return redirect("practice_case", found.id)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def practice_case(request: HttpRequest, practice_id: UUID) -> HttpResponse:
    """First without the AI, then with it, then the answer. What comes later is not in the page before."""
    found = _found(request, practice_id)
    reader = signed_in_person(request)
    read = practice.read_of(found, reader)
    form = AnswerForm(request.POST or None, initial={"condition": read.first_id if read else None})
    known = conditions.known()
    form.offer(known.offered)
    if request.method == "POST" and form.is_valid():
        step = practice.finish if request.POST.get("step") == "final" else practice.commit
        try:
            step(found, reader, form.cleaned_data["condition"])
        except Refused as refusal:
            messages.error(request, str(refusal))
        return redirect("practice_case", found.id)
    context = {
        "site": found.get_site_display(),
        "decade": found.decade,
        "decade_end": found.decade + 9,
        "practice_id": found.id,
        "has_picture": bool(found.picture),
        "read": read,
        "form": form,
        "quick_picks": known.quick_picks,
        "ai_says": found.ai_says if read else None,
        "answer": found.answer if read and read.is_finished else None,
        "ai_is_wrong": found.ai_is_wrong if read and read.is_finished else None,
        "is_right": read.final_id == found.answer_id if read else None,
    }
    return render(request, "cases/practice/case.html", context, status=422 if form.errors else 200)


@login_required
@require_safe
def practice_picture(request: HttpRequest, practice_id: UUID) -> HttpResponseBase:
    found = _found(request, practice_id)
    if not found.picture:
        raise Http404
    return files.answer(request, found.picture, content_type="image/jpeg", tag=f"{practice_id}-picture")


def _found(request: HttpRequest, practice_id: UUID) -> PracticeCase:
    """Raises Http404 for a foreign clinic's, PermissionDenied for who does not read in its own."""
    return find(access.practice_cases, request.user, Capability.SIGN_READS, "answer", "ai_says", id=practice_id)


# --- What a lead puts in ------------------------------------------------------------------------------------


@require_safe
@leads_only
def practice_manage(request: HttpRequest) -> HttpResponse:
    person, clinic = signed_in_person(request), clinic_of(request)
    cases = access.practice_cases(person, Capability.MANAGE_PRACTICE).filter(clinic=clinic, retired_at__isnull=True)
    context = {
        "practice_cases": cases.select_related("answer", "ai_says"),
        "drawn": practice.drawn(clinic),
        "choosable": practice.choosable(person, clinic)[:MOST_OFFERED],
    }
    return render(request, "cases/practice/manage.html", context)


@require_POST
@leads_only
def practice_draw(request: HttpRequest) -> HttpResponse:
    seen = request.POST.get("seen", "")
    number = practice.add_drawn(
        clinic_of(request), by=signed_in_person(request), seen=int(seen) if seen.isdecimal() and len(seen) < 6 else -1
    )
    if number:
        messages.success(request, _("%(number)s drawn practice cases were added.") % {"number": number})
    return redirect("practice_manage")


@require_POST
@signed_in
def practice_add(request: HttpRequest, case_id: UUID) -> HttpResponse:
    case: Case = find(access.cases, request.user, Capability.MANAGE_PRACTICE, "clinic", id=case_id)
    try:
        practice.add_from(case, by=signed_in_person(request), ai_is_wrong=request.POST.get("ai") == "wrong")
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The photo was copied as a practice case."))
    return redirect("practice_manage")


@require_POST
@signed_in
def practice_retire(request: HttpRequest, practice_id: UUID) -> HttpResponse:
    practice.retire(find(access.practice_cases, request.user, Capability.MANAGE_PRACTICE, id=practice_id))
    return redirect("practice_manage")
