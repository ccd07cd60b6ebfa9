"""Look-alikes: the signed cases of the clinic whose photos the model's features hold to be nearest to this one.

They are found by the features of the version that read this case's photo, also where it read theirs silently: after a
promotion nearly all that the new version knows of signed cases is silent. What it said of them is not told; told is the
opinion that people are shown.

The features (`Prediction.embedding`) of each clinic and model version lie in memory as one matrix, the newest
`MOST_PHOTOS` of them: 10,000 photos of 1,280 features in half precision are 26 MB, and `MOST_MATRICES` of them the
most that a process keeps. A matrix grows by what was signed since, and is read anew after `READ_ANEW`. What it holds
decides nothing: whether a look-alike may be shown is asked of the database each time, through cases/access.py.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import QuerySet

from cases import access
from cases.access import Person
from cases.models import Case, CaseState, Consent, LesionImage, Prediction, PredictionState
from cases.prediction import opinions
from cases.reading import labels

SHOWN = 9
MOST_PHOTOS = 10_000
MOST_MATRICES = 4
READ_ANEW = 3600.0  # seconds; until then a photo that was removed only takes up room
# Signed a moment before its neighbour and committed after it: looked for once more.
_OVERLAP = timedelta(minutes=5)
# More than are shown, because some may be gone by now.
_CANDIDATES = 4 * SHOWN
_ROWS_AT_ONCE = 2048


@dataclass(frozen=True)
class LookAlike:
    case: Case
    image: LesionImage
    similarity: float  # cosine of both photos' features
    label: labels.CaseLabel
    ai_code: str
    ai_name: str
    ai_probability: float

    @property
    def ai_was_right(self) -> bool:
        return self.ai_code == self.label.code

    @property
    def is_settled(self) -> bool:
        """Whether the label says who was right: not where readers disagree, or nobody confirmed a correction."""
        return self.label.source not in (labels.LabelSource.DISPUTED, labels.LabelSource.UNCONFIRMED)

    @property
    def ai_percent(self) -> str:
        return opinions.percent(self.ai_probability)


@dataclass(frozen=True)
class LookAlikes:
    found: tuple[LookAlike, ...]
    has_read_none: bool = False  # whether the model has read no signed photo of the clinic yet

    @property
    def settled(self) -> list[LookAlike]:
        return [each for each in self.found if each.is_settled]

    @property
    def unsettled(self) -> int:
        return len(self.found) - len(self.settled)

    @property
    def wrong(self) -> int:
        """How often among the settled ones."""
        return sum(not each.ai_was_right for each in self.settled)


def look_alikes(person: Person, case: Case, prediction: Prediction, names: dict[str, str]) -> LookAlikes:
    """The nearest signed cases to `prediction`'s photo that `person` may see, the most similar first, one a lesion.

    `case` is the photo's case: its own patient's cases are left out, as are other clinics', always. `names` from
    `opinions.condition_names`. The number of queries does not depend on what is found.
    """
    features = _unit(_features(prediction))
    if features is None:
        return LookAlikes(())
    matrix = _matrix(case.clinic_id, prediction.model_version_id)
    near = matrix.nearest(features, other_than=case.lesion.patient_id)
    rows = {row.image_id: row for row in _shown(person, case.clinic_id, near)}
    truth = labels.of_cases(row.image.case_id for row in rows.values())
    found = []
    for image_id, similarity in near.items():
        row = rows.get(image_id)
        # The patient is asked once more of the database: a case may have been moved to another one.
        if row is None or row.image.case.lesion.patient_id == case.lesion.patient_id:
            continue
        label = truth.get(row.image.case_id)
        if label is None or not row.probabilities:
            continue
        code, share = row.probabilities[0]
        found.append(LookAlike(row.image.case, row.image, similarity, label, code, names.get(code, code), float(share)))
    return LookAlikes(tuple(found[:SHOWN]), has_read_none=not matrix.images)


def _shown(person: Person, clinic_id: UUID, images: Iterable[UUID]) -> QuerySet[Prediction]:
    """The opinions that people are shown of these photos, as far as `person` may see them."""
    newest = opinions.shown_predictions().filter(image__in=list(images)).values("id")
    of_photos = _eligible(access.predictions(person).filter(id__in=newest), clinic_id)
    return of_photos.select_related("image__case__lesion").defer("maps", "embedding")


def _eligible(predictions: QuerySet[Prediction], clinic_id: UUID) -> QuerySet[Prediction]:
    """Finished opinions on photos of the clinic's signed cases, of patients who allow the AI."""
    return predictions.filter(
        state=PredictionState.DONE,
        image__removed_at__isnull=True,
        image__case__clinic=clinic_id,
        image__case__state=CaseState.SIGNED,
        image__case__lesion__patient__ai_consent=Consent.GRANTED,
    )


def _features(prediction: Prediction) -> np.ndarray:
    return np.frombuffer(bytes(prediction.embedding or b""), np.float16).astype(np.float32)


def _unit(features: np.ndarray) -> np.ndarray | None:
    """`features` [d] at length 1; None for none, or for what has no direction."""
    length = float(np.linalg.norm(features)) if features.size else 0.0
    return features / length if np.isfinite(length) and length > 0 else None


# --- What is kept in memory --------------------------------------------------------------------------------


@dataclass
class _Matrix:
    """Features of one clinic's signed photos by one model version: rows [n, d] of length 1, and whose they are."""

    clinic_id: UUID
    version_id: UUID
    read_at: float = field(default_factory=time.monotonic)
    signed_until: datetime | None = None
    images: list[UUID] = field(default_factory=list)
    patients: list[UUID] = field(default_factory=list)
    lesions: list[UUID] = field(default_factory=list)
    rows: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float16))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refresh(self) -> None:
        """Reads what was signed since the last time; one query."""
        with self.lock:
            by_version = Prediction.every.filter(model_version=self.version_id, embedding__isnull=False)
            wanted = _eligible(by_version, self.clinic_id)
            if self.signed_until:
                wanted = wanted.filter(image__case__signed_at__gte=self.signed_until - _OVERLAP)
            columns = (
                "image_id",
                "image__case__lesion__patient_id",
                "image__case__lesion_id",
                "image__case__signed_at",
            )
            newest = wanted.order_by("-image__case__signed_at", "-id").values_list(*columns, "embedding")[:MOST_PHOTOS]
            self._add(newest.iterator(chunk_size=500))

    def _add(self, found: Iterable[tuple[Any, ...]]) -> None:
        known = set(self.images)
        images, patients, lesions = [], [], []
        rows: list[np.ndarray] = []
        for image_id, patient_id, lesion_id, signed_at, embedding in found:
            unit = _unit(np.frombuffer(bytes(embedding), np.float16).astype(np.float32))
            width = len(rows[0]) if rows else self.rows.shape[1] or None
            if image_id in known or unit is None or (width and len(unit) != width):
                continue
            images.append(image_id)
            patients.append(patient_id)
            lesions.append(lesion_id)
            rows.append(unit.astype(np.float16))
            self.signed_until = max(self.signed_until or signed_at, signed_at)
        if rows:
            # The newest first, so that what is cut off is what was signed longest ago.
            self.images = (images + self.images)[:MOST_PHOTOS]
            self.patients = (patients + self.patients)[:MOST_PHOTOS]
            self.lesions = (lesions + self.lesions)[:MOST_PHOTOS]
            new = np.stack(rows)
            self.rows = (np.concatenate([new, self.rows]) if len(self.rows) else new)[:MOST_PHOTOS]

    def nearest(self, features: np.ndarray, other_than: UUID) -> dict[UUID, float]:
        """{photo: cosine} of the nearest photos, one a lesion, the nearest first; none of that patient."""
        with self.lock:
            images, patients, lesions, rows = self.images, self.patients, self.lesions, self.rows
        if not len(rows) or rows.shape[1] != len(features):
            return {}
        # In stretches, so that no second matrix in single precision stands beside the first.
        cosines = np.concatenate(
            [rows[at : at + _ROWS_AT_ONCE].astype(np.float32) @ features for at in range(0, len(rows), _ROWS_AT_ONCE)]
        )
        near: dict[UUID, float] = {}
        seen: set[UUID] = set()
        for place in np.argsort(-cosines, kind="stable"):
            if patients[place] == other_than or lesions[place] in seen:
                continue
            seen.add(lesions[place])
            near[images[place]] = float(cosines[place])
            if len(near) == _CANDIDATES:
                break
        return near


_matrices: OrderedDict[tuple[UUID, UUID], _Matrix] = OrderedDict()
_matrices_lock = threading.Lock()


def _matrix(clinic_id: UUID, version_id: UUID) -> _Matrix:
    """The matrix of a clinic and a model version, up to date; the one that was asked for longest ago makes room."""
    key = (clinic_id, version_id)
    with _matrices_lock:
        matrix = _matrices.pop(key, None)
        if matrix is None or time.monotonic() - matrix.read_at > READ_ANEW:
            matrix = _Matrix(clinic_id, version_id)
        _matrices[key] = matrix
        while len(_matrices) > MOST_MATRICES:
            _matrices.popitem(last=False)
    matrix.refresh()
    return matrix


def forget() -> None:
    """Drops every matrix; for tests, whose databases come and go."""
    with _matrices_lock:
        _matrices.clear()
