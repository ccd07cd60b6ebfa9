"""Two models on the same photos: how they differ, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.bundle import Bundle
from inference.decision import malignant_probability
from training.evaluation import Scored
from training.metrics import auc, balanced_accuracy, bootstrap, confusion_matrix


@dataclass(frozen=True)
class Judged:
    """One model's word on every photo: bool [n] each, and the malignant probability [n]."""

    predicted: np.ndarray  # index into the bundle's classes
    labels: np.ndarray
    cancer: np.ndarray
    urgent: np.ndarray
    risk: np.ndarray
    classes: int

    @property
    def right(self) -> np.ndarray:
        return self.predicted == self.labels


def judged(bundle: Bundle, scored: Scored) -> Judged:
    malignant = np.array([each.malignant for each in bundle.conditions])
    risk = malignant_probability(scored.probabilities, malignant)
    return Judged(
        predicted=scored.probabilities.argmax(axis=1),
        labels=scored.labels,
        cancer=malignant[scored.labels],
        urgent=risk >= bundle.urgent_threshold,
        risk=risk,
        classes=len(bundle.classes),
    )


FIGURES: dict[str, Callable[[Judged, np.ndarray], float | None]] = {
    "accuracy": lambda model, i: float(model.right[i].mean()),
    "balanced_accuracy": lambda model, i: balanced_accuracy(
        confusion_matrix(model.labels[i], model.predicted[i], model.classes)
    ),
    "malignant_auc": lambda model, i: auc(model.risk[i], model.cancer[i]),
    "malignant_sensitivity": lambda model, i: _share(model.urgent[i], model.cancer[i]),
    "malignant_specificity": lambda model, i: _share(~model.urgent[i], ~model.cancer[i]),
}


def compare(candidate: Judged, baseline: Judged, patients: list[str]) -> dict[str, Any]:
    """Each figure of both, and the difference with its 95 % interval, ready for JSON.

    The difference is paired: both are asked about the same resampled patients, so what makes a photo hard for both
    does not widen the interval.  `only_candidate` and `only_baseline` count the photos that one alone gets right
    (of the cancers: flags), which is what McNemar's test looks at.
    """
    everyone = np.arange(len(patients))
    result: dict[str, Any] = {
        "n": len(patients),
        "patients": len(set(patients)),
        "malignant_n": int(baseline.cancer.sum()),
        "figures": {},
    }
    for name, figure in FIGURES.items():

        def difference(chosen: np.ndarray, figure: Callable = figure) -> float | None:
            ours, theirs = figure(candidate, chosen), figure(baseline, chosen)
            return None if ours is None or theirs is None else ours - theirs

        result["figures"][name] = {
            "candidate": figure(candidate, everyone),
            "baseline": figure(baseline, everyone),
            "difference": difference(everyone),
            "difference_ci": bootstrap(difference, patients),
        }
    cancer = baseline.cancer
    result["right"] = _discordant(candidate.right, baseline.right)
    result["cancers_flagged"] = _discordant(candidate.urgent[cancer], baseline.urgent[cancer])
    return result


def _share(hits: np.ndarray, among: np.ndarray) -> float | None:
    return float(hits[among].mean()) if among.any() else None


def _discordant(candidate: np.ndarray, baseline: np.ndarray) -> dict[str, int]:
    return {
        "both": int((candidate & baseline).sum()),
        "only_candidate": int((candidate & ~baseline).sum()),
        "only_baseline": int((~candidate & baseline).sum()),
        "neither": int((~candidate & ~baseline).sum()),
    }
