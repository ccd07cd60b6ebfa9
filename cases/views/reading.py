"""What the reading part of a case's page shows: the form, its stage, what is hidden, who else is here."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from uuid6 import uuid7

from accounts.access import can
from accounts.models import User
from accounts.roles import Capability
from cases import blinding
from cases.forms.photo_requests import PhotoRequestForm
from cases.forms.reads import ReadForm
from cases.models import Case, CaseState, Read, ReadKind, ReadStage
from cases.prediction import opinions
from cases.reading import reads
from cases.reading import second_reads as doubles
from cases.reading.case_file import CaseFile
from cases.worklist import readable


@dataclass(frozen=True)
class History:
    """The reads of a case as a person may see them, the newest first."""

    entries: list[tuple[Read, str]] = field(default_factory=list)  # a read, and the condition that the AI put first
    hidden: int = 0  # reads that this person sees when they have signed their own
    unnamed: bool = False
    newest: Read | None = None


def history(person: User, file: CaseFile, names: dict[str, str]) -> History:
    found = file.reads
    newest = found[-1] if found else None
    shown = [read for read in found if read.reader_id == person.pk] if file.reads_are_hidden else found
    return History(
        entries=[(read, _ai_condition(read, names)) for read in reversed(shown)],
        hidden=len(found) - len(shown),
        unnamed=blinding.hides_names(person, file.case, found),
        newest=newest,
    )


def context(
    request: HttpRequest, file: CaseFile, card: opinions.Card, shown: History, bound: ReadForm | None
) -> dict[str, Any]:
    """Context of templates/cases/page/_read_form.html and what stands around it, for a person who may sign."""
    reader, case = request.user, file.case
    assert isinstance(reader, User)
    form = bound or fresh_form(request, file, card, shown)
    form.offer(file.conditions.offered)
    own = any(read.reader_id == reader.id for read, _ai in shown.entries)
    waits_for_other = case.state == CaseState.WAITING and not _may_read_now(case, reader, own)
    return {
        "read_form": form,
        "signed_before": own,
        "first_opinion": file.first_opinion,
        # Before the first opinion the form commits; what is hidden is shown then.
        "commits_first": card.state == "hidden",
        "waits_for_other": waits_for_other,
        "settles_question": reads.may_settle_question(case, reader, file.reads),
        "second_read_reason": _second_read_reason(case, card, shown),
        "reservation": file.reservation if case.state == CaseState.WAITING else None,
        "quick_picks": file.conditions.quick_picks,
        "photo_request_form": PhotoRequestForm(initial={"request_id": uuid7()}),
        "disagreement": _disagreement(file.reads) if shown.unnamed else None,
    }


def fresh_form(request: HttpRequest, file: CaseFile, card: opinions.Card, shown: History) -> ReadForm:
    """The form as the reader left it: from what was saved while typing, else from the first opinion, else empty.

    `?agree` fills in the AI's first condition, for those without JavaScript.
    """
    initial: dict[str, Any] = {
        "read_id": uuid7(),
        "newest_seen": shown.newest.id if shown.newest else None,
        "case_seen": file.stamp,
        "draft_version": 0,
    }
    draft = file.draft
    source = draft or (file.first_opinion if file.case.state == CaseState.WAITING else None)
    if source:
        initial |= {"condition": source.condition_id, "certainty": source.certainty, "management": source.management}
    if draft:
        initial |= {"comment": draft.comment, "draft_version": draft.version, "draft_saved_at": draft.saved_at}
    if "agree" in request.GET and card.chosen and card.chosen.likely and card.is_visible:
        initial["condition"] = card.chosen.likely[0].code
    return ReadForm(initial=initial)


def staff_context(file: CaseFile) -> dict[str, Any]:
    """What is wanted of staff for a case whose reader wants better photos, and what was answered before."""
    asked = file.open_request if file.case.state == CaseState.PHOTOS_WANTED else None
    return {
        "photo_request": asked,
        "new_photo_came": bool(asked and any(photo.created_at > asked.asked_at for photo in file.photos)),
        "photo_answers": file.answered_requests,
    }


def _may_read_now(case: Case, reader: User, own: bool) -> bool:
    """Whether the case waits for a read that this reader can give."""
    if case.read_stage == ReadStage.ARBITRATION:
        if not can(reader, case.clinic_id, Capability.ARBITRATE):
            return False
        return not own or readable.is_left_to_its_readers(case)
    return not own and not doubles.is_closed_to(reader, case)


def _second_read_reason(case: Case, card: opinions.Card, shown: History) -> str:
    """Why a second read is wanted, in words; it tells of the first one, and at times of the AI's opinion."""
    if shown.hidden or card.withheld or not case.second_read_reason:
        return ""
    return str(doubles.Reason(case.second_read_reason).label)


def _disagreement(found: Iterable[Read]) -> list[Read]:
    """The two reads that a lead settles between, the first reader's first."""
    return [read for read in found if not hasattr(read, "corrected_by") and read.kind != ReadKind.ARBITRATION]


def _ai_condition(read: Read, names: dict[str, str]) -> str:
    """What the opinion that this reader saw put first; empty where there was none."""
    code = read.prediction.first_condition if read.prediction else None
    return names.get(code, code) if code else ""
