"""One case: photos, answers, the AI's opinion, the reads, and the form to sign one."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from uuid6 import uuid7

from accounts.access import can
from accounts.doors import signed_in
from accounts.roles import Capability
from cases.ahead import is_fetched_ahead
from cases.errors import Conflict
from cases.forms.reads import OutcomeForm, ReadForm
from cases.models import Case, CaseState
from cases.prediction import opinions
from cases.reading import case_file, reads, stamps
from cases.reading.case_file import CaseFile
from cases.views import passing, reading
from cases.views.doors import signed_in_person
from cases.views.passing import case_id as parsed_id
from cases.worklist import listing

# Milliseconds until the card asks again: at once while a person waits for it, seldom when it takes long.
FIRST_ASKS, AT_ONCE, NEXT_ASKS, OFTEN, SELDOM, MOST_SELDOM = 5, 300, 20, 1000, 3000, 15_000


def load(request: HttpRequest, case_id: UUID) -> CaseFile:
    """The case with what its page shows.

    Raises:
        Http404: there is none in this person's clinics.
    """
    file = case_file.find(request.user, case_id)
    if file is None:
        raise Http404
    return file


def load_card(request: HttpRequest, case_id: UUID) -> tuple[Case, dict[str, Any]]:
    """The case with what its AI card alone shows, and the context of cases/_opinion.html.

    Raises:
        Http404: there is none in this person's clinics.
    """
    case = case_file.with_card(request.user, case_id)
    if case is None:
        raise Http404
    asked = request.GET.get("asked", "")
    times = int(asked) if asked.isdecimal() and len(asked) < 6 else 0
    return case, _card_context(request, case, opinions.condition_names(), times)


@require_GET
@signed_in
def case_detail(request: HttpRequest, case_id: UUID) -> HttpResponse:
    file = load(request, case_id)
    ahead = {"left": request.GET["from"], "shows": file.fingerprint} if _is_next(request) else None
    return page(request, file, ahead=ahead)


@require_GET
@signed_in
def case_opinion(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """The AI card alone; it asks for itself again while an opinion is to come."""
    case, context = load_card(request, case_id)
    response = render(request, "cases/_opinion.html", {"case": case, **context, "said": not context["card"].is_pending})
    if context["card"].is_visible and not context["card"].is_pending:
        # The look-alikes wait for it.
        response["HX-Trigger"] = "opinion-shown"
    return response


def page(
    request: HttpRequest,
    file: CaseFile,
    *,
    read_form: ReadForm | None = None,
    outcome_form: OutcomeForm | None = None,
    problem: object = "",
    doubt: reads.Doubt | None = None,
    ahead: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page; a form that could not be carried out comes back in it with what was typed, and with the `doubt`
    about a discharge, if there is one.

    `ahead`, of a page that nobody has opened yet: which case the reader will have left (`left`), and the fingerprint of
    what it `shows`.
    """
    user, case, names = request.user, file.case, file.conditions.names
    card = _card_context(request, case, names)
    shown = reading.history(signed_in_person(request), file, names)
    context = {
        "case": case,
        "patient": case.lesion.patient,
        "lesion": case.lesion,
        **card,
        "answers": [
            (question, answer, getattr(case, name))
            for name, (question, answer) in zip(Case.QUESTIONS, case.answers, strict=True)
        ],
        "history": shown,
        "outcome": getattr(case, "outcome", None),
        "earlier": listing.rows(file.visits, names),
        "has_more_visits": file.has_more_visits,
        "problem": problem,
        "doubt": doubt,
        "may_log": can(user, case.clinic_id, Capability.LOG_CASES),
        "page_status": status,
        "fetched_ahead": ahead,
        **reading.staff_context(file),
    }
    if card["may_sign"]:
        context |= reading.context(request, file, card["card"], shown, read_form)
        if case.state == CaseState.WAITING:
            left = parsed_id(ahead["left"]) if ahead else None
            context["next_photo"] = passing.next_photo(request, case.id, *filter(None, [left]))
    if case.state == CaseState.SIGNED and can(user, case.clinic_id, Capability.RECORD_OUTCOMES):
        context["outcome_form"] = outcome_form or OutcomeForm(outcome=context["outcome"])
        context["outcome_form"].offer(file.conditions.offered)
    return render(request, "cases/page/page.html", context, status=status)


def conflict(request: HttpRequest, case: Case, form: ReadForm, problem: Conflict, **fresh: object) -> HttpResponse:
    """The page as it is now with what the reader typed; sending it again then means: having seen what is new."""
    case.refresh_from_db()
    newest = reads.newest(case)
    again = form.with_fresh(
        read_id=uuid7(),
        newest_seen=newest and newest.id,
        case_seen=stamps.stamp(case),
        discharge_confirmed=None,
        **fresh,
    )
    return page(request, load(request, case.id), read_form=again, problem=problem, status=409)


def _is_next(request: HttpRequest) -> bool:
    """Whether a browser fetches the page ahead by way of "next" (`passing.announced`)."""
    return is_fetched_ahead(request) and "from" in request.GET


def _card_context(request: HttpRequest, case: Any, names: dict[str, str], asked: int = 0) -> dict[str, Any]:
    """Context of cases/_opinion.html; `case` says whether its `ai_is_hidden`."""
    photo_id = parsed_id(request.POST.get("photo") or request.GET.get("photo", ""))
    card = opinions.card(case, names, photo_id, hidden=case.ai_is_hidden)
    may_sign = case.state in reads.READABLE_STATES and can(request.user, case.clinic_id, Capability.SIGN_READS)
    return {
        "card": card,
        "names": names,
        "may_sign": may_sign,
        "asked": asked + 1,
        "ask_again_in": _ask_again_in(asked),
    }


def _ask_again_in(asked: int) -> int:
    if asked < NEXT_ASKS:
        return AT_ONCE if asked < FIRST_ASKS else OFTEN
    return min(MOST_SELDOM, SELDOM + 100 * (asked - NEXT_ASKS))
