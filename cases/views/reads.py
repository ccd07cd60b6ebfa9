"""Signing a read, and recording what the biopsy found."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from uuid6 import uuid7

from accounts.doors import signed_in
from accounts.models import User
from accounts.roles import Capability
from cases import access, outcomes, reads
from cases.errors import Conflict, Refused
from cases.forms.reads import OutcomeForm, ReadForm
from cases.models import Case
from cases.views import case_page
from cases.views.doors import find


def _person(request: HttpRequest) -> User:
    """Who is signed in; the door let nobody else through."""
    assert isinstance(request.user, User)
    return request.user


@require_POST
@signed_in
def read_sign(request: HttpRequest, case_id: UUID) -> HttpResponse:
    reader = _person(request)
    case = find(access.cases, reader, Capability.SIGN_READS, id=case_id)
    form = ReadForm(request.POST)
    if not form.is_valid():
        return case_page.page(request, case_page.load(request, case_id), read_form=form, status=422)
    wish = form.cleaned_data
    if not wish["discharge_confirmed"] and reads.discharge_needs_a_second_look(
        case, wish["condition"], wish["management"]
    ):
        return case_page.page(
            request, case_page.load(request, case_id), read_form=form, discharge_asks=True, status=422
        )
    try:
        read = reads.sign(
            case_id=case.id,
            reader=reader,
            read_id=wish["read_id"],
            condition=wish["condition"],
            certainty=wish["certainty"],
            management=wish["management"],
            comment=wish["comment"],
            prediction=access.predictions(reader).filter(id=wish["prediction"]).first() if wish["prediction"] else None,
            prediction_finished_at=wish["prediction_at"],
            ai_visible=wish["ai_visible"],
            newest_seen=wish["newest_seen"],
        )
    except Conflict as conflict:
        return _conflict(request, case, form, conflict)
    except Refused as refusal:
        return case_page.page(request, case_page.load(request, case_id), read_form=form, problem=refusal, status=409)
    messages.success(request, _signed_words(case, read.signed_at))
    if request.POST.get("then") == "next":
        return redirect(f"{reverse('worklist_next')}?from={case.id}")
    return redirect(f"{reverse('case_detail', args=[case.id])}#history")


def _conflict(request: HttpRequest, case: Case, form: ReadForm, conflict: Conflict) -> HttpResponse:
    """The page as it is now with what the reader typed; signing again then means: having seen the new read."""
    newest = reads.newest(case)
    again = form.with_fresh(read_id=uuid7(), newest_seen=newest and newest.id, discharge_confirmed=None)
    return case_page.page(request, case_page.load(request, case.id), read_form=again, problem=conflict, status=409)


def _signed_words(case: Case, moment: object) -> str:
    clock = date_format(timezone.localtime(moment), "H:i")  # type: ignore[arg-type]
    return format_html(
        '{} <a href="{}">{}</a>',
        _("Signed %(clock)s.") % {"clock": clock},
        reverse("case_detail", args=[case.id]),
        case.reference,
    )


@require_POST
@signed_in
def outcome_record(request: HttpRequest, case_id: UUID) -> HttpResponse:
    writer = _person(request)
    case = find(access.cases, writer, Capability.RECORD_OUTCOMES, id=case_id)
    form = OutcomeForm(request.POST)
    if not form.is_valid():
        return case_page.page(request, case_page.load(request, case_id), outcome_form=form, status=422)
    try:
        outcomes.record(case_id=case.id, by=writer, **form.cleaned_data)
    except Refused as refusal:
        return case_page.page(request, case_page.load(request, case_id), outcome_form=form, problem=refusal, status=409)
    messages.success(request, _("Biopsy result recorded."))
    return redirect(f"{reverse('case_detail', args=[case.id])}#history")
