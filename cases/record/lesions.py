"""Lesions: places on one patient's skin that live across visits."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from cases.errors import Refused
from cases.models import Lesion, Patient


@transaction.atomic
def add(patient: Patient, *, lesion_id: UUID | None = None, **fields: Any) -> Lesion:
    """Adds a lesion. `lesion_id` is made by the client, so that a repeated request is one lesion.

    Raises:
        Refused: the id is taken by another patient's lesion.
    """
    if lesion_id and (known := Lesion.objects.filter(id=lesion_id).first()):
        if known.patient_id != patient.id:
            raise Refused(_("This id is taken. Make a new one."), code="id_taken")
        return known
    lesion = Lesion(patient=patient, **fields)
    if lesion_id:
        lesion.id = lesion_id
    lesion.save()
    return lesion


def change(lesion: Lesion, **fields: Any) -> Lesion:
    """Corrects where the lesion is."""
    for name, value in fields.items():
        setattr(lesion, name, value)
    lesion.save()
    return lesion
