"""Copies of a patient's photos that stand as practice cases last as long as the consent that they were made by."""

import hashlib
from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from cases.models import LesionImage, Patient, PracticeCase


def end(patient: Patient) -> int:
    """Takes the copies of the patient's photos out of practice and removes their pictures; returns their number.

    A copy's row does not say whose it was, so it is known by its bytes. What readers answered stays in their
    scorecards. Removed photos of the patient count too: a copy may be older than the removal.
    """
    if not PracticeCase.objects.filter(clinic=patient.clinic_id, is_drawn=False).exists():
        return 0
    copies = PracticeCase.objects.filter(clinic=patient.clinic_id, is_drawn=False, sha256__in=_digests(patient))
    number = 0
    for copy in copies.exclude(picture=""):
        transaction.on_commit(partial(default_storage.delete, copy.picture.name or ""), robust=True)
        copy.retired_at = copy.retired_at or timezone.now()
        copy.picture = ""
        # Not the photo's any more: whoever consents again may be asked for it again.
        copy.sha256 = copy.id.hex
        copy.save(update_fields=["retired_at", "picture", "sha256"])
        number += 1
    return number


def _digests(patient: Patient) -> list[str]:
    digests = []
    for photo in LesionImage.objects.filter(case__lesion__patient=patient).only("derivative"):
        try:
            with photo.derivative.open("rb") as file:
                digests.append(hashlib.sha256(file.read()).hexdigest())
        except FileNotFoundError:
            continue  # a photo whose file is missing cannot have been copied since
    return digests
