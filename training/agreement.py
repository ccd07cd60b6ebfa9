"""How far a model that scores silently agrees with the active one, and with what readers signed.

Counts only, over the clinics that the one who looks may see: no case is named here. Both models' opinions on a photo
are set side by side where both were told the same answers. Intervals come from a bootstrap over patients.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Count

from accounts.models import Clinic
from cases import labels
from cases.models import Prediction, PredictionState
from cases.models.prediction import PENDING_STATES
from inference.models import ModelVersion
from inference.statistics import Share, bootstrap, kappa

# The newest pairs that are looked at: enough for a narrow interval, and read within a second.
MOST_PAIRS = 5000


@dataclass(frozen=True)
class Agreement:
    """What two models said of the same photos."""

    photos: int
    patients: int
    same_first: Share
    kappa: float | None
    kappa_interval: list[float] | None
    both_urgent: int
    gained: int  # urgent by the silent model alone
    lost: int  # urgent by the active model alone
    neither_urgent: int


@dataclass(frozen=True)
class WithReads:
    """Photos of signed cases: how often each model's first condition is what the case was signed as."""

    photos: int
    silent_right: Share
    active_right: Share
    malignant: int
    silent_found: Share
    active_found: Share


@dataclass(frozen=True)
class _Pair:
    patient: str
    case_id: UUID
    silent_first: str
    active_first: str
    silent_urgent: bool
    active_urgent: bool


@dataclass(frozen=True)
class Progress:
    """How many photos the silent model was asked about, and how many of them wait or failed."""

    asked: int
    pending: int
    failed: int


def progress(silent: ModelVersion, clinics: Iterable[Clinic | UUID]) -> Progress:
    rows = Prediction.every.filter(model_version=silent, silent=True, image__case__clinic__in=list(clinics))
    counted = dict(rows.order_by().values_list("state").annotate(Count("id")))
    return Progress(
        asked=sum(counted.values()),
        pending=sum(counted.get(state, 0) for state in PENDING_STATES),
        failed=counted.get(PredictionState.FAILED, 0),
    )


def with_active(silent: ModelVersion, active: ModelVersion, clinics: Iterable[Clinic | UUID]) -> Agreement:
    """`silent`'s opinions beside those of `active` that readers were shown."""
    return _agreement(_pairs(silent, active, clinics))


def with_reads(silent: ModelVersion, active: ModelVersion, clinics: Iterable[Clinic | UUID]) -> WithReads:
    """Both models beside what the cases were signed as: what a biopsy found, else the newest read.

    Readers saw the active model's opinion and not the silent one's, which flatters the active model.
    """
    pairs = _pairs(silent, active, clinics)
    truth = labels.of_cases({pair.case_id for pair in pairs})
    signed = [(pair, truth[pair.case_id]) for pair in pairs if pair.case_id in truth]
    malignant = [pair for pair, label in signed if label.malignant]
    return WithReads(
        photos=len(signed),
        silent_right=Share.of([pair.silent_first == label.code for pair, label in signed]),
        active_right=Share.of([pair.active_first == label.code for pair, label in signed]),
        malignant=len(malignant),
        silent_found=Share.of([pair.silent_urgent for pair in malignant]),
        active_found=Share.of([pair.active_urgent for pair in malignant]),
    )


def _agreement(pairs: list[_Pair]) -> Agreement:
    answers = [pair.silent_first for pair in pairs] + [pair.active_first for pair in pairs]
    _codes, numbers = np.unique(np.array(answers, dtype=object).astype(str), return_inverse=True)
    silent, active = numbers[: len(pairs)], numbers[len(pairs) :]
    patients = [pair.patient for pair in pairs]
    # The interval is narrow where there are many, and a page waits for it.
    rounds = 1000 if len(pairs) < 500 else 200
    return Agreement(
        photos=len(pairs),
        patients=len(set(patients)),
        same_first=Share.of([bool(same) for same in silent == active]),
        kappa=kappa(silent, active) if pairs else None,
        kappa_interval=(
            bootstrap(lambda chosen: kappa(silent[chosen], active[chosen]), patients, rounds=rounds) if pairs else None
        ),
        both_urgent=sum(pair.silent_urgent and pair.active_urgent for pair in pairs),
        gained=sum(pair.silent_urgent and not pair.active_urgent for pair in pairs),
        lost=sum(pair.active_urgent and not pair.silent_urgent for pair in pairs),
        neither_urgent=sum(not pair.silent_urgent and not pair.active_urgent for pair in pairs),
    )


def _pairs(silent: ModelVersion, active: ModelVersion, clinics: Iterable[Clinic | UUID]) -> list[_Pair]:
    columns = ("image_id", "image__case_id", "image__case__lesion__patient_id", "answers", "probabilities", "urgent")
    done = Prediction.every.filter(
        state=PredictionState.DONE, image__removed_at__isnull=True, image__case__clinic__in=list(clinics)
    )
    newest = done.filter(model_version=silent, silent=True).order_by("-id").values_list(*columns)[:MOST_PAIRS]
    rows: dict[UUID, tuple[Any, ...]] = {row[0]: row for row in newest}
    pairs = []
    shown = done.filter(model_version=active, silent=False, image__in=list(rows)) if rows else done.none()
    for image_id, case_id, patient_id, answers, probabilities, urgent in shown.values_list(*columns):
        other = rows[image_id]
        if answers == other[3]:
            pairs.append(
                _Pair(str(patient_id), case_id, other[4][0][0], probabilities[0][0], bool(other[5]), bool(urgent))
            )
    return pairs
