"""Snapshots: which of the clinics' signed cases a model learns from, frozen and named by a hash.

A photo is in when its case is signed, its patient consents to training use, and the case has a label that stands.  The
split follows from the patient alone, so a patient who was once held out is held out in every later snapshot.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Prefetch, QuerySet

from accounts.models import Clinic
from cases.models import Case, CaseState, Consent, ImageKind, LesionImage, Outcome, Patient, Prediction, Read
from cases.prediction.computing import answers_of
from cases.reading.labels import LabelSource, Said, label_of
from inference.answers import Answers
from inference.models import ModelVersion
from training.access import ClinicIds
from training.data.datasets import DataError, DataSet, Example
from training.models import Snapshot, SnapshotPhoto, Split

# No secret: it only keeps the splits from following the order of the ids.  Another salt would be other splits.
_SALT = b"skinclinic split 1:"
_HELD_OUT = ((0.70, Split.TRAIN), (0.85, Split.VAL), (1.01, Split.TEST))
# Not what a lesion is: nothing that a photo could be told by.
NO_CLASSES = frozenset({"OTH", "NOL"})
_BATCH = 1000


class ConsentWithdrawn(DataError):
    """A patient of the snapshot no longer consents to training use: nothing may be learnt from it any more."""


def split_of(patient_id: UUID) -> Split:
    """Where a patient's photos are, in every snapshot: 70 % are learnt from, 15 % and 15 % held out."""
    digest = hashlib.sha256(_SALT + patient_id.bytes).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return next(split for limit, split in _HELD_OUT if share < limit)


def eligible(clinics: Iterable[Clinic | UUID] | None = None) -> QuerySet[LesionImage]:
    """The photos that may be learnt from, whatever their label: of some clinics, or of all.

    Dermoscopy is another modality, and an overview shows more than the lesion: close-ups alone.
    """
    photos = LesionImage.objects.filter(
        case__state=CaseState.SIGNED,
        case__lesion__patient__training_consent=Consent.GRANTED,
        removed_at__isnull=True,
        kind=ImageKind.CLOSE_UP,
    )
    return photos if clinics is None else photos.filter(case__clinic__in=list(clinics))


def take(clinic: Clinic | None = None, *, include_unconfirmed: bool = False, by: str) -> Snapshot:
    """Freezes what may be learnt from just now; the same list as before is the snapshot of before.

    Raises:
        DataError: there is nothing to learn from.
    """
    photos, left_out = _photos([clinic] if clinic else None, include_unconfirmed)
    if not photos:
        raise DataError(
            "No signed case with consent to training use has a label to learn from"
            f"{f' in the clinic {clinic}' if clinic else ''}: record consents, or sign cases first."
        )
    sha256 = _hash(photos)
    known = Snapshot.objects.filter(sha256=sha256, clinic=clinic, includes_unconfirmed=include_unconfirmed).first()
    if known:
        return known
    with transaction.atomic():
        snapshot = Snapshot.objects.create(
            clinic=clinic,
            sha256=sha256,
            includes_unconfirmed=include_unconfirmed,
            photo_count=len(photos),
            patient_count=len({photo.patient_id for photo in photos}),
            counts={"sources": dict(Counter(photo.source for photo in photos)), "left_out": dict(left_out)},
            by=by,
        )
        for photo in photos:
            photo.snapshot = snapshot
        SnapshotPhoto.objects.bulk_create(photos, batch_size=_BATCH)
    return snapshot


def _photos(clinics: list[Clinic] | None, include_unconfirmed: bool) -> tuple[list[SnapshotPhoto], Counter[str]]:
    """The rows of a snapshot, not saved, and how many photos were left out for which reason."""
    wanted: dict[UUID, list[LesionImage]] = defaultdict(list)
    for image in eligible(clinics).order_by("id").iterator(_BATCH):
        wanted[image.case_id].append(image)
    found: list[SnapshotPhoto] = []
    left_out: Counter[str] = Counter()
    for case in _cases(list(wanted)):
        images, patient = wanted[case.id], case.lesion.patient
        outcome: Outcome | None = getattr(case, "outcome", None)
        label = label_of(outcome.condition_id if outcome else None, [Said.of(read) for read in case.reads.all()])
        reason = "no_label" if label is None else _why_not(label.code, label.source, include_unconfirmed)
        if label is None or reason:
            left_out[reason] += len(images)
            continue
        answers = {name: value for name, value in vars(answers_of(case)).items() if value is not None}
        groups = {"sex": patient.sex, "fitzpatrick": patient.fitzpatrick}
        found += [
            SnapshotPhoto(
                image=image,
                patient=patient,
                sha256=image.sha256,
                label=label.code,
                source=label.source,
                split=split_of(patient.id),
                answers=answers,
                groups={name: value for name, value in groups.items() if value not in ("", "unknown")},
            )
            for image in images
        ]
    return _without_doubles(found, left_out), left_out


def _cases(ids: list[UUID]) -> Iterable[Case]:
    reads = Read.objects.select_related("first_opinion").order_by("signed_at", "id")
    reads = reads.prefetch_related(Prefetch("prediction", Prediction.every.defer("maps", "embedding")))
    for start in range(0, len(ids), _BATCH // 2):
        cases = Case.objects.filter(id__in=ids[start : start + _BATCH // 2]).order_by("id")
        yield from cases.select_related("lesion__patient", "outcome").prefetch_related(Prefetch("reads", reads))


def _why_not(code: str, source: LabelSource, include_unconfirmed: bool) -> str:
    """Why a label is not learnt from; empty where it is."""
    if code in NO_CLASSES:
        return "no_class"
    if source == LabelSource.DISPUTED or (source == LabelSource.UNCONFIRMED and not include_unconfirmed):
        return source.value
    return ""


def _without_doubles(photos: list[SnapshotPhoto], left_out: Counter[str]) -> list[SnapshotPhoto]:
    """Each picture once.  One that two patients have is nobody's: it would be learnt from and tested on."""
    owners: dict[str, set[tuple[UUID, str]]] = defaultdict(set)
    for photo in photos:
        owners[photo.sha256].add((photo.patient_id, photo.label))
    kept = {photo.sha256: photo for photo in reversed(photos) if len(owners[photo.sha256]) == 1}
    if doubles := len(photos) - len(kept):
        left_out["same_picture"] += doubles
    return sorted(kept.values(), key=lambda photo: photo.sha256)


def _hash(photos: Iterable[SnapshotPhoto]) -> str:
    """SHA-256 over all that training reads: which picture (by content) of whom, label, split, answers, groups."""
    digest = hashlib.sha256()
    for photo in sorted(photos, key=lambda each: each.sha256):
        told = json.dumps([photo.answers, photo.groups], sort_keys=True)
        line = (photo.sha256, photo.patient_id.hex, photo.label, photo.split, told)
        digest.update("\t".join(line).encode() + b"\n")
    return digest.hexdigest()


def dataset(snapshot: Snapshot) -> DataSet:
    """The snapshot as a data set.

    Raises:
        ConsentWithdrawn: somebody has withdrawn the consent since it was taken.
    """
    if withdrawn := withdrawn_patients(snapshot).count():
        raise ConsentWithdrawn(
            f"{withdrawn} patients of the snapshot {snapshot} no longer consent to training use: take a new one."
        )
    examples = tuple(
        Example(
            file=f"cases/{photo.image_id}",
            label=photo.label,
            patient=f"case:{photo.patient_id}",
            split=photo.split,
            answers=Answers(**photo.answers),
            groups=photo.groups,
            path=Path(photo.image.derivative.path),
            sha256=photo.sha256,
            look=photo.image.look,
        )
        for photo in snapshot.photos.select_related("image").order_by("sha256")
    )
    return DataSet(Path("cases"), examples, tuple(notes(snapshot)))


def notes(snapshot: Snapshot) -> list[str]:
    """Sentences on what is in and what was left out."""
    sources = [f"{LabelSource(name).label.lower()} {n}" for name, n in sorted(snapshot.counts["sources"].items())]
    said = [
        f"Snapshot {snapshot}: {snapshot.photo_count} photos of {snapshot.patient_count} patients; labels by "
        f"{', '.join(sources)}."
    ]
    left_out = [f"{_LEFT_OUT[name]} {n}" for name, n in sorted(snapshot.counts["left_out"].items())]
    if left_out:
        said.append(f"Photos left out: {', '.join(left_out)}.")
    return said


def facts(snapshot_id: UUID | None) -> dict[str, Any]:
    """What a bundle says of the snapshot that it was made with: counts and hashes, and nobody."""
    if snapshot_id is None:
        return {}
    snapshot = Snapshot.objects.get(id=snapshot_id)
    return {
        "snapshot": {
            "id": str(snapshot.id),
            "sha256": snapshot.sha256,
            "photos": snapshot.photo_count,
            "patients": snapshot.patient_count,
            "sources": snapshot.counts["sources"],
            # Not which: the model's page is for every clinic.
            "of_one_clinic": snapshot.clinic_id is not None,
            "includes_unconfirmed": snapshot.includes_unconfirmed,
        }
    }


_LEFT_OUT = {
    "no_label": "without a label",
    "no_class": "signed as no condition in particular",
    LabelSource.UNCONFIRMED: "a correction by one read that nobody confirmed",
    LabelSource.DISPUTED: "readers disagree",
    "same_picture": "the same picture again, or in two records",
}


# --- Consent taken back ------------------------------------------------------------------------------------------


def withdrawn_patients(snapshot: Snapshot) -> QuerySet[Patient]:
    """The patients of a snapshot who do not consent to training use any more."""
    return (
        Patient.objects.filter(snapshot_photos__snapshot=snapshot).exclude(training_consent=Consent.GRANTED).distinct()
    )


def withdrawn_from(model_id: UUID, clinics: ClinicIds) -> QuerySet[Patient]:
    """The patients of some clinics with whose photos a model was made, and who took their consent back since.

    Those whose photos were held out are among them: the model was measured on them.
    """
    used = Patient.objects.filter(clinic__in=clinics, snapshot_photos__snapshot__model_versions=model_id)
    return used.exclude(training_consent=Consent.GRANTED).distinct()


def models_with_withdrawn(clinics: Iterable[Clinic | UUID] | None = None) -> dict[ModelVersion, int]:
    """The models made with photos of patients who took their consent back since, and the number of these patients.

    Patients whose photos were held out count too: the model was measured on them.  Of some clinics, or of all.
    """
    photos = SnapshotPhoto.objects.filter(patient__training_consent__in=_NOT_GRANTED)
    if clinics is not None:
        photos = photos.filter(patient__clinic__in=list(clinics))
    used = photos.filter(snapshot__model_versions__isnull=False).order_by()
    counted = dict(used.values_list("snapshot__model_versions").annotate(Count("patient", distinct=True)))
    return {version: counted[version.id] for version in ModelVersion.objects.filter(id__in=counted)}


_NOT_GRANTED = [consent for consent in Consent.values if consent != Consent.GRANTED]
