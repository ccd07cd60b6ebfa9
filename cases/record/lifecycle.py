"""A case from draft to signed: logging it, changing its answers, sending, withdrawing and restoring it."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Clinic, User
from cases.errors import Conflict, Refused, fingerprint, wrong_state
from cases.models import Case, CaseState, Lesion, Urgency
from cases.models.case import OPEN_STATES
from cases.notifications import telling
from cases.photo import retakes
from cases.prediction import asking

# What `change` changes.
CHANGEABLE = (*Case.QUESTIONS, "requested_urgency", "note")


@transaction.atomic
def log_case(*, lesion: Lesion, by: User, case_id: UUID | None = None, **fields: Any) -> Case:
    """Logs a case as a draft. `case_id` is made by the client, so that a repeated request is one case.

    Raises:
        Refused: the id is taken by a case of another lesion.
    """
    clinic = lesion.patient.clinic
    # The clinic's row is the lock under which numbers are given out.
    Clinic.objects.select_for_update().get(id=clinic.id)
    if case_id and (known := Case.objects.filter(id=case_id).first()):
        if known.lesion_id != lesion.id or known.created_by_id != by.id:
            raise Refused(_("This case was logged already. Reload the page to start a new one."), code="id_taken")
        return known
    last = Case.objects.filter(clinic=clinic).aggregate(last=Max("number"))["last"] or 0
    case = Case(clinic=clinic, lesion=lesion, created_by=by, number=last + 1, **fields)
    if case_id:
        case.id = case_id
    case.urgency = _urgency(case)
    case.save()
    return case


@transaction.atomic
def change(case_id: UUID, *, seen: str | None = None, **fields: Any) -> Case:
    """Changes answers, note or urgency of an open case; predictions made with other answers are made again.

    Args:
        seen: the `stamp` of what the person saw when deciding; None overwrites unasked.

    Raises:
        Conflict: answers, note or urgency were changed since.
        Refused: the case is signed or withdrawn.
    """
    case = _locked(case_id)
    if case.state not in OPEN_STATES:
        raise wrong_state(case.get_state_display())
    if seen is not None and seen != stamp(case):
        raise Conflict(_("Someone changed this case in the meantime. Look at what is different, then save again."))
    answers_before, urgency_before = [getattr(case, name) for name in Case.QUESTIONS], case.urgency
    for name, value in fields.items():
        setattr(case, name, value)
    case.urgency = _urgency(case)
    case.save()
    if answers_before != [getattr(case, name) for name in Case.QUESTIONS]:
        asking.answers_changed(case)
    if case.urgency != urgency_before:
        asking.urgency_changed(case)
        telling.urgent_case(case)
    return case


def stamp(case: Case) -> str:
    """Changes whenever an answer, the note or the urgency asked for does: what an edit page remembers."""
    return fingerprint([getattr(case, name) for name in CHANGEABLE])


@transaction.atomic
def send(case_id: UUID, *, by: User | None = None, why_no_new_photo: str = "") -> Case:
    """Puts a draft, or a case whose reader wanted better photos, on the doctors' worklist.

    Sending a case that waits already changes nothing.

    Args:
        why_no_new_photo: what to tell the reader who wanted better photos, where there can be none.

    Raises:
        Refused: the case has no photo (code "no_photo"), none that its reader asked for (code "no_new_photo"), or is
            in another state.
    """
    case = _locked(case_id)
    if case.state == CaseState.WAITING:
        return case
    if case.state not in (CaseState.DRAFT, CaseState.PHOTOS_WANTED):
        raise wrong_state(case.get_state_display())
    if not case.images.filter(removed_at__isnull=True).exists():
        raise Refused(_("Add at least one photo before you send the case."), code="no_photo")
    if case.state == CaseState.PHOTOS_WANTED:
        retakes.answer(case, by, why_no_new_photo)
        return case
    case.state = CaseState.WAITING
    case.waiting_since = case.first_waiting_since = timezone.now()
    case.save(update_fields=["state", "waiting_since", "first_waiting_since"])
    telling.urgent_case(case)
    return case


@transaction.atomic
def withdraw(case_id: UUID, reason: str) -> Case:
    """Takes an open case off every list, with a reason; `restore` undoes it.

    Raises:
        Refused: the case is signed, or no reason is given.
    """
    case = _locked(case_id)
    if case.state == CaseState.WITHDRAWN:
        return case
    if case.state not in OPEN_STATES:
        raise wrong_state(case.get_state_display())
    if not reason.strip():
        raise Refused(_("Say why the case is withdrawn."), code="reason_missing")
    case.state = CaseState.WITHDRAWN
    case.withdrawn_reason = reason.strip()
    case.save(update_fields=["state", "withdrawn_reason"])
    telling.withdrawn(case)
    return case


@transaction.atomic
def restore(case_id: UUID) -> Case:
    """Undoes a withdrawal: the case goes back to where it was, its waiting time running on."""
    case = _locked(case_id)
    if case.state != CaseState.WITHDRAWN:
        raise wrong_state(case.get_state_display())
    case.state = CaseState.WAITING if case.waiting_since else CaseState.DRAFT
    if retakes.open_request(case):
        case.state = CaseState.PHOTOS_WANTED
    case.withdrawn_reason = ""
    case.save(update_fields=["state", "withdrawn_reason"])
    telling.restored(case)
    return case


def _locked(case_id: UUID) -> Case:
    return Case.objects.select_for_update(of=("self",)).select_related("lesion__patient", "clinic").get(id=case_id)


def _urgency(case: Case) -> int:
    """The more urgent of what staff asked for and the AI's flag; the AI never lowers what a person asked for."""
    return min(case.requested_urgency, Urgency.URGENT if case.flagged_by_ai else Urgency.ROUTINE)
