"""What the reading part of a case's page shows: the form, its stage, what is hidden, who else is here."""

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from uuid6 import uuid7

from accounts.access import can
from accounts.models import User
from accounts.roles import Capability
from cases import blinding, conditions, first_opinions, opinions, photo_requests, read_drafts, reads, reservations
from cases import second_reads as doubles
from cases.forms.photo_requests import PhotoRequestForm
from cases.forms.reads import ReadForm
from cases.models import Case, CaseState, FirstOpinion, Read, ReadKind, ReadStage


@dataclass(frozen=True)
class History:
    """The reads of a case as a person may see them, the newest first."""

    entries: list[tuple[Read, str]] = field(default_factory=list)  # a read, and the condition that the AI put first
    hidden: int = 0  # reads that this person sees when they have signed their own
    unnamed: bool = False
    newest: Read | None = None


def history(person: User, case: Case, names: dict[str, str]) -> History:
    found = list(reads.history(case))
    newest = found[-1] if found else None
    if found and blinding.hides_reads(person, case):
        return History(hidden=len(found), newest=newest)
    entries = [(read, _ai_condition(read, names)) for read in reversed(found)]
    return History(entries, unnamed=blinding.hides_names(person, case), newest=newest)


def context(
    request: HttpRequest, case: Case, card: opinions.Card, shown: History, bound: ReadForm | None
) -> dict[str, Any]:
    """Context of templates/cases/page/_read_form.html and what stands around it, for a person who may sign."""
    reader = request.user
    assert isinstance(reader, User)
    first = first_opinions.of(case, reader)
    own = any(read.reader_id == reader.id for read, _ai in shown.entries)
    waits_for_other = case.state == CaseState.WAITING and not _may_read_now(case, reader, own)
    return {
        "read_form": bound or fresh_form(request, case, card, shown, first),
        "signed_before": own,
        "first_opinion": first,
        # Before the first opinion the form commits; what is hidden is shown then.
        "commits_first": card.state == "hidden",
        "waits_for_other": waits_for_other,
        "second_read_reason": doubles.Reason(case.second_read_reason).label if case.second_read_reason else "",
        "reservation": reservations.holder(case) if case.state == CaseState.WAITING else None,
        "quick_picks": conditions.quick_picks(),
        "photo_request_form": PhotoRequestForm(initial={"request_id": uuid7()}),
        "disagreement": _disagreement(case) if shown.unnamed else None,
    }


def fresh_form(
    request: HttpRequest, case: Case, card: opinions.Card, shown: History, first: FirstOpinion | None
) -> ReadForm:
    """The form as the reader left it: from what was saved while typing, else from the first opinion, else empty.

    `?agree` fills in the AI's first condition, for those without JavaScript.
    """
    assert isinstance(request.user, User)
    initial: dict[str, Any] = {
        "read_id": uuid7(),
        "newest_seen": shown.newest.id if shown.newest else None,
        "case_seen": reads.stamp(case),
        "draft_version": 0,
    }
    draft = read_drafts.of(case, request.user)
    source = draft or (first if case.state == CaseState.WAITING else None)
    if source:
        initial |= {"condition": source.condition_id, "certainty": source.certainty, "management": source.management}
    if draft:
        initial |= {"comment": draft.comment, "draft_version": draft.version, "draft_saved_at": draft.saved_at}
    if "agree" in request.GET and card.chosen and card.chosen.likely and card.is_visible:
        initial["condition"] = card.chosen.likely[0].code
    return ReadForm(initial=initial)


def staff_context(case: Case) -> dict[str, Any]:
    """What is wanted of staff for a case whose reader wants better photos, and what was answered before."""
    return {
        "photo_request": photo_requests.open_request(case) if case.state == CaseState.PHOTOS_WANTED else None,
        "photo_answers": list(
            case.photo_requests.filter(answered_at__isnull=False).select_related("asked_by", "answered_by")
        ),
    }


def _may_read_now(case: Case, reader: User, own: bool) -> bool:
    """Whether the case waits for a read that this reader can give."""
    if case.read_stage == ReadStage.ARBITRATION:
        if not can(reader, case.clinic_id, Capability.ARBITRATE):
            return False
        return not own or doubles.is_only_arbiter(case.clinic, reader)
    return not own


def _disagreement(case: Case) -> list[Read]:
    """The two reads that a lead settles between, the first reader's first."""
    standing = case.reads.filter(corrected_by__isnull=True).exclude(kind=ReadKind.ARBITRATION)
    return list(standing.select_related("condition").order_by("signed_at", "id"))


def _ai_condition(read: Read, names: dict[str, str]) -> str:
    """What the opinion that this reader saw put first; empty where there was none."""
    code = read.prediction.first_condition if read.prediction else None
    return names.get(code, code) if code else ""
