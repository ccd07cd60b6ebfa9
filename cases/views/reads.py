"""Signing a read, and recording what the biopsy found."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.doors import signed_in
from accounts.models import User
from accounts.roles import Capability
from cases import access
from cases.errors import Conflict, Refused
from cases.forms.reads import OutcomeForm, ReadForm
from cases.models import Case, Read
from cases.reading import reads
from cases.record import outcomes
from cases.views import case_page, passing
from cases.views.doors import find, is_script, to_page


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
    doubt = reads.doubt(reader, case, wish["condition"], wish["management"])
    if doubt and not wish["discharge_confirmed"]:
        return case_page.page(request, case_page.load(request, case_id), read_form=form, doubt=doubt, status=422)
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
            case_seen=wish["case_seen"],
        )
    except Conflict as conflict:
        return case_page.conflict(request, case, form, conflict)
    except Refused as refusal:
        return case_page.page(request, case_page.load(request, case_id), read_form=form, problem=refusal, status=409)
    messages.success(request, _signed_words(request, case, read))
    if request.POST.get("then") == "next" and is_script(request):
        # Its browser may have made the page up ahead.
        return to_page(request, f"{reverse('worklist_next')}?from={case.id}")
    if request.POST.get("then") == "next":
        # At once, not by the address of "next": the reader waits for each redirect.
        return passing.to_next(request, case.id)
    return redirect(f"{reverse('case_detail', args=[case.id])}#history")


def _signed_words(request: HttpRequest, case: Case, read: Read) -> str:
    """ "Signed 10:42. Case 1024", with a button that takes it back for the seconds in which that is possible."""
    words = format_html(
        '{} <a href="{}">{}</a>',
        _("Signed %(clock)s.") % {"clock": date_format(timezone.localtime(read.signed_at), "H:i")},
        reverse("case_detail", args=[case.id]),
        case.reference,
    )
    if not reads.may_take_back(read, _person(request)):
        return words
    return format_html(
        '{} <form class="undo" method="post" action="{}" data-leaves-after="{}">'
        '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'
        '<button class="btn btn-quiet btn-small" type="submit" data-shortcut="z">{}</button></form>',
        words,
        reverse("read_undo", args=[read.id]),
        int(reads.UNDO_LASTS.total_seconds()),
        get_token(request),
        _("Undo"),
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
