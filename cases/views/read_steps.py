"""The steps around signing: first opinion, unfinished form, reservation, photos wanted, undo."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.doors import signed_in
from accounts.models import User
from accounts.roles import Capability
from cases import access
from cases.errors import Conflict, Refused
from cases.forms.photo_requests import PhotoRequestForm
from cases.forms.reads import DraftForm, ReadForm
from cases.models import Case, PhotoRequest, Read
from cases.photo import retakes
from cases.reading import drafts, first_opinions, reads, reservations
from cases.views import case_page, passing
from cases.views.doors import find, is_script, signed_in_person, to_page

SIGN = Capability.SIGN_READS


def _case(request: HttpRequest, case_id: UUID) -> Case:
    return find(access.cases, request.user, SIGN, id=case_id)


@require_POST
@signed_in
def first_opinion(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Commits what the reader thinks, and shows the AI's opinion."""
    case, reader = _case(request, case_id), signed_in_person(request)
    form = ReadForm(request.POST)
    if not form.is_valid():
        return case_page.page(request, case_page.load(request, case_id), read_form=form, status=422)
    wish = form.cleaned_data
    opinion = {name: wish[name] for name in ("condition", "certainty", "management")}
    try:
        first_opinions.commit(case_id=case.id, reader=reader, case_seen=wish["case_seen"], **opinion)
        _keep(case, reader, wish)
    except Conflict as conflict:
        if is_script(request):
            # It sends the form once more as a page does, which is then the one to keep what was typed.
            return JsonResponse({"error": str(conflict), "code": conflict.code}, status=409)
        return case_page.conflict(request, case, form, conflict, draft_version=_keep(case, reader, wish))
    except Refused as refusal:
        return case_page.page(request, case_page.load(request, case_id), read_form=form, problem=refusal, status=409)
    return to_page(request, f"{reverse('case_detail', args=[case.id])}#opinion")


def _keep(case: Case, reader: User, wish: dict[str, Any]) -> int:
    """Saves what stands in the form, and returns the version that its page has then.

    Where another window has a newer form, that one stays, and the next save from this page is told so.
    """
    fields = {name: wish[name] for name in drafts.FIELDS}
    try:
        return drafts.save(case, reader, version=wish["draft_version"], **fields).version
    except Conflict:
        return wish["draft_version"]


@require_POST
@signed_in
def draft(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Keeps the unfinished form; asked by the page's script after every change."""
    case, form = _case(request, case_id), DraftForm(request.POST)
    if not form.is_valid():
        return JsonResponse({"error": _("This could not be saved. Load the page again.")}, status=422)
    fields = dict(form.cleaned_data)
    try:
        kept = drafts.save(case, signed_in_person(request), version=fields.pop("draft_version") or 0, **fields)
    except Refused as refusal:
        return JsonResponse({"error": str(refusal), "code": refusal.code}, status=409)
    return JsonResponse({"version": kept.version, "time": _clock(kept.saved_at)})


@require_POST
@signed_in
def arrive(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """A page that was fetched ahead has been opened: now the case is reserved, and the one before it was left.

    Answers where to `go` instead, if another case has come first by now, or if the page shows what is no longer so.
    """
    _case(request, case_id)
    found = passing.next_for(request, passing.case_id(request.POST.get("left", "")))
    if found is None:
        messages.info(request, passing.nothing_waits())
        return JsonResponse({"go": reverse("worklist")})
    if found.id != case_id or case_page.load(request, case_id).fingerprint != request.POST.get("shows"):
        return JsonResponse({"go": reverse("case_detail", args=[found.id])})
    return JsonResponse({"go": "", "notes": render_to_string("_messages.html", request=request).strip()})


@require_POST
@signed_in
def reserve(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """The open page keeps its case, or learns who has it. With `release` the page lets it go as it closes."""
    case, reader = _case(request, case_id), signed_in_person(request)
    token = passing.case_id(request.POST.get("token", ""))
    if "release" in request.POST:
        if token:
            reservations.release(case, reader, token)
        return HttpResponse(status=204)
    if token and reservations.renew(case, reader):
        return JsonResponse({"token": str(token)})
    held = reservations.reserve(case, reader)
    if held:
        return JsonResponse({"token": str(held.token)})
    other = reservations.holder(case)
    return JsonResponse({"other": _someone_reads(other) if other else ""})


def _someone_reads(held: Any) -> str:
    return _("%(reader)s is reading this case since %(clock)s.") % {"reader": held.reader, "clock": _clock(held.since)}


@require_POST
@signed_in
def photos_wanted(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Sends the case back to staff and goes on with the next one."""
    case = _case(request, case_id)
    form = PhotoRequestForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("This could not be sent. Load the page and ask again."))
        return redirect("case_detail", case.id)
    try:
        retakes.ask(case_id=case.id, by=signed_in_person(request), **form.cleaned_data)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("case_detail", case.id)
    messages.success(request, _("%(case)s went back to staff for better photos.") % {"case": case.reference})
    return passing.to_next(request, case.id)


@require_POST
@signed_in
def photos_not_wanted(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Takes the open request back."""
    case = _case(request, case_id)
    asked = retakes.open_request(case) or PhotoRequest.objects.filter(case=case).last()
    if asked is None:
        raise Http404
    try:
        retakes.take_back(asked.id, signed_in_person(request))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("case_detail", case.id)


@require_POST
@signed_in
def undo(request: HttpRequest, read_id: UUID) -> HttpResponse:
    """Takes a read back within seconds, and goes to its case."""
    read = Read.every.filter(id=read_id, case__in=access.cases(request.user)).first()
    if read is None:
        raise Http404
    find(access.cases, request.user, SIGN, id=read.case_id)
    try:
        reads.take_back(read.id, signed_in_person(request))
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.info(request, _("Your read was taken back. Nothing is signed; what you entered is still there."))
    return redirect("case_detail", read.case_id)


def _clock(moment: Any) -> str:
    return formats.date_format(timezone.localtime(moment), "H:i")
