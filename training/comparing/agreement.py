"""How far a model that scores silently agrees with the active one, and with what readers signed.

Counts only, over the clinics that the one who looks may see: no case is named here. Both models' opinions on a photo
are set side by side where both were told the same answers. Intervals come from a bootstrap over patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import numpy as np
from django.db.models import Exists, FilteredRelation, Q

from cases.models import Prediction, PredictionState
from cases.models.prediction import PENDING_STATES
from cases.numbers import Number
from cases.reading import labels
from inference.models import ModelVersion
from inference.statistics import Share, bootstrap, kappa
from training.access import ClinicIds

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
class Pair:
    """What both models said of one photo."""

    patient: str
    case_id: UUID
    silent_first: str
    active_first: str
    silent_urgent: bool
    active_urgent: bool


@dataclass(frozen=True)
class Progress:
    """Whether the silent model was asked about any photo, and how many of those wait or failed."""

    asked: bool
    pending: int
    failed: int


def progress(silent: UUID, clinics: ClinicIds) -> dict[str, Exists | Number]:
    """What `Progress` tells of the model, as columns of whichever query asks for them."""
    rows = Prediction.every.filter(model_version=silent, silent=True, image__case__clinic__in=clinics).order_by()
    return {
        "silent_asked": Exists(rows),
        "silent_pending": Number(rows.filter(state__in=PENDING_STATES).values("pk")),
        "silent_failed": Number(rows.filter(state=PredictionState.FAILED).values("pk")),
    }


def with_reads(pairs: list[Pair]) -> WithReads:
    """Both models beside what the cases were signed as: what a biopsy found, else the newest read.

    Readers saw the active model's opinion and not the silent one's, which flatters the active model.
    """
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


def with_active(pairs: list[Pair]) -> Agreement:
    """The silent model's opinions beside those of the active one."""
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


def pairs_of(silent: ModelVersion, active: ModelVersion, clinics: ClinicIds) -> list[Pair]:
    """`silent`'s newest opinions with those of `active` on the same photos that readers were shown; one query."""
    done = Prediction.every.filter(
        model_version=silent,
        silent=True,
        state=PredictionState.DONE,
        image__removed_at__isnull=True,
        image__case__clinic__in=clinics,
    )
    shown = Q(
        image__predictions__model_version=active,
        image__predictions__silent=False,
        image__predictions__state=PredictionState.DONE,
    )
    said = ("answers", "probabilities", "urgent")
    newest = (
        done.annotate(shown=FilteredRelation("image__predictions", condition=shown))
        .order_by("-id")
        .values_list(
            *("image__case__lesion__patient_id", "image__case_id", *said, *(f"shown__{name}" for name in said))
        )[:MOST_PAIRS]
    )
    return [
        Pair(str(patient), case, silent_said[0][0], active_said[0][0], bool(silent_urgent), bool(active_urgent))
        for patient, case, told, silent_said, silent_urgent, shown_told, active_said, active_urgent in newest
        if active_said and told == shown_told
    ]
