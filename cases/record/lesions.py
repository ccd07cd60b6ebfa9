"""Lesions: places on one patient's skin that live across visits."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from cases.errors import Refused
from cases.models import Case, Corrected, Lesion, Patient, RecordCorrection
from cases.prediction import asking


@transaction.atomic
def add(patient: Patient, *, lesion_id: UUID | None = None, **fields: Any) -> Lesion:
    """Adds a lesion. `lesion_id` is made by the client, so that a repeated request is one lesion.

    Raises:
        Refused: the id is taken by another patient's lesion.
    """
    # Two requests with the same id pass one after the other.
    Patient.objects.select_for_update().get(id=patient.id)
    if lesion_id and (known := Lesion.objects.filter(id=lesion_id).first()):
        if known.patient_id != patient.id:
            raise Refused(_("This id is taken. Make a new one."), code="id_taken")
        return known
    lesion = Lesion(patient=patient, **fields)
    if lesion_id:
        lesion.id = lesion_id
    lesion.save()
    return lesion


@transaction.atomic
def change(lesion_id: UUID, *, by: User, **fields: Any) -> Lesion:
    """Corrects where the lesion is, or its note: signed reports get a version, and predictions made with another body
    site are made again.
    """
    # As it stands now, under the lock: what somebody else corrects at the same time stays.
    lesion = Lesion.objects.select_for_update().get(id=lesion_id)
    body_site = lesion.body_site
    changed = {name: value for name, value in fields.items() if value != getattr(lesion, name)}
    for name, value in changed.items():
        setattr(lesion, name, value)
    lesion.save()
    if changed:
        RecordCorrection.objects.create(patient_id=lesion.patient_id, lesion=lesion, what=Corrected.LESION, by=by)
    if lesion.body_site != body_site:
        asking.facts_changed(Case.objects.filter(lesion=lesion))
    return lesion
