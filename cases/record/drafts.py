"""The case that a page is still writing: saved as often as the page likes, always the same case."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Clinic, User
from cases.errors import Refused, wrong_state
from cases.models import Case, CaseState, ImageKind, Lesion, LesionImage, Patient, Side
from cases.prediction import asking
from cases.record import lifecycle

SAME_REQUEST = timedelta(seconds=10)


@dataclass(frozen=True)
class Place:
    """Where a new lesion is."""

    body_site: str
    side: str = Side.UNKNOWN
    note: str = ""


@transaction.atomic
def save(
    *,
    patient: Patient,
    by: User,
    case_id: UUID,
    lesion: Lesion | None,
    place: Place | None,
    seen: str | None = None,
    **fields: Any,
) -> Case:
    """Logs the case `case_id`, or changes it when an earlier request has logged it already.

    Args:
        case_id: made by the page, so that a double click and a repeated request are one case.
        lesion: one that the patient has; None for a new one at `place`.
        seen: see lifecycle.change.
        fields: answers, note, requested_urgency.

    Raises:
        Conflict: somebody else changed the draft since.
        Refused: the id is another patient's case, the lesion is not this patient's,
            or the case is signed or withdrawn by now.
    """
    if (lesion is None) == (place is None):
        raise ValueError("either a known lesion or the place of a new one")
    if lesion and lesion.patient_id != patient.id:
        raise Refused(_("This lesion belongs to another patient."), code="wrong_lesion")
    # The lock under which numbers are given out also lets two clicks on "Save" pass one after the other.
    Clinic.objects.select_for_update().get(id=patient.clinic_id)
    case = Case.objects.select_related("lesion").filter(id=case_id).first()
    if case is None:
        return lifecycle.log_case(lesion=lesion or _new_lesion(patient, place), by=by, case_id=case_id, **fields)
    if case.lesion.patient_id != patient.id:
        raise Refused(_("This case was logged already. Reload the page to start a new one."), code="id_taken")
    changed = lifecycle.change(case.id, seen=seen, **fields)
    if changed.state == CaseState.DRAFT:
        _put(changed, lesion, place)
    return changed


@transaction.atomic
def set_kind(image: LesionImage, kind: str) -> None:
    """Corrects what kind of photo it is, while the case is open.

    Raises:
        Refused: the case is signed or withdrawn.
    """
    case = Case.objects.select_for_update().get(id=image.case_id)
    if not case.is_open:
        raise wrong_state(case.get_state_display())
    image.kind = ImageKind(kind)
    image.save(update_fields=["kind"])


def _new_lesion(patient: Patient, place: Place | None) -> Lesion:
    assert place is not None
    return Lesion.objects.create(patient=patient, **vars(place))


def _put(case: Case, lesion: Lesion | None, place: Place | None) -> None:
    """Moves the draft to another lesion, or mends the place of the lesion that it made; nothing is left over."""
    before = case.lesion
    # Made by this very draft, so nothing else hangs on it.
    own = case.created_at - before.created_at < SAME_REQUEST and not before.cases.exclude(id=case.id).exists()
    if lesion == before:
        return
    if place and own:
        if Place(before.body_site, before.side, before.note) == place:
            return
        site_changed = before.body_site != place.body_site
        for name, value in vars(place).items():
            setattr(before, name, value)
        before.save(update_fields=list(vars(place)))
    else:
        case.lesion = lesion or _new_lesion(case.lesion.patient, place)
        site_changed = before.body_site != case.lesion.body_site
        case.save(update_fields=["lesion"])
        if own:
            before.delete()
    if site_changed:
        # The body site is one of the answers that the model sees.
        asking.answers_changed(case)
