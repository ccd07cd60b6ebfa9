"""The figures that say how good a model is, in numpy.

Rates of independent photos carry Wilson's 95 % interval; figures that are not one rate (balanced accuracy, macro F1,
AUC, calibration error) carry the 2.5 and 97.5 percentiles of a bootstrap over patients, for photos of one patient
resemble each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.decision import confidence, in_answer_set, malignant_probability
from inference.statistics import bootstrap, confusion_matrix, wilson

ECE_BINS = 10


@dataclass(frozen=True)
class Thresholds:
    """The decision thresholds of a bundle; in nested cross-validation one of each photo, [n]."""

    urgent: float | np.ndarray
    abstain: float | np.ndarray
    conformal: Mapping[int, float | np.ndarray]  # by the coverage in per cent that an answer set is to have


def auc(scores: np.ndarray, positive: np.ndarray) -> float | None:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half."""
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return None
    _values, position, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[position]
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def roc(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ROC curve: (false positive rate, true positive rate), from (0, 0) to (1, 1), a point each distinct score."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(positive[order])[ends]
    falls = ends + 1 - hits
    return np.append(0, falls / max(int((~positive).sum()), 1)), np.append(0, hits / max(int(positive.sum()), 1))


def balanced_accuracy(matrix: np.ndarray) -> float:
    """Mean recall over the classes that occur."""
    n = matrix.sum(axis=1)
    return float((np.diag(matrix)[n > 0] / n[n > 0]).mean())


def macro_f1(matrix: np.ndarray) -> float:
    """Mean F1 over the classes that occur."""
    n = matrix.sum(axis=1)
    f1 = 2 * np.diag(matrix) / np.maximum(n + matrix.sum(axis=0), 1)
    return float(f1[n > 0].mean())


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = ECE_BINS) -> list[tuple[float, float, int]]:
    """(mean confidence, accuracy, n) of each occupied bin of equal width."""
    sure = confidence(probabilities)
    right = probabilities.argmax(axis=1) == labels
    which = np.minimum((sure * bins).astype(int), bins - 1)
    return [
        (float(sure[which == b].mean()), float(right[which == b].mean()), int((which == b).sum()))
        for b in range(bins)
        if (which == b).any()
    ]


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error of the top answer, ten equal bins (Guo et al. 2017, arXiv:1706.04599)."""
    return sum(n * abs(sure - right) for sure, right, n in reliability(probabilities, labels)) / len(labels)


def accuracy_at_coverage(probabilities: np.ndarray, labels: np.ndarray, coverage: float) -> tuple[int, int]:
    """(right, n) among the most certain share of the photos."""
    n = max(1, round(coverage * len(labels)))
    surest = np.argsort(-confidence(probabilities), kind="stable")[:n]
    return int((probabilities[surest].argmax(axis=1) == labels[surest]).sum()), n


def error_reduction(probabilities: np.ndarray, labels: np.ndarray, coverage: float = 0.8) -> float | None:
    """How much smaller the error is on the surest share than on all photos, 0-1; None where there is no error."""
    right, n = accuracy_at_coverage(probabilities, labels, coverage)
    error = float((probabilities.argmax(axis=1) != labels).mean())
    return 1 - (1 - right / n) / error if error else None


def specificity_at_sensitivity(risk: np.ndarray, cancer: np.ndarray, sensitivity: float = 0.95) -> float | None:
    """Specificity at the highest threshold that flags that share of the cancers *of these photos*.

    A point of their ROC curve, to compare models by; what a clinic gets is the specificity at the shipped threshold.
    """
    if not cancer.any() or cancer.all():
        return None
    missed = int(np.floor(cancer.sum() * (1 - sensitivity) + 1e-9))
    return float((risk[~cancer] < np.sort(risk[cancer])[missed]).mean())


def measure(
    probabilities: np.ndarray,
    labels: np.ndarray,
    codes: Sequence[str],
    malignant: np.ndarray,
    thresholds: Thresholds,
    patients: Sequence[str],
) -> dict[str, Any]:
    """Every figure of a model on some photos, ready for JSON.

    `probabilities` are calibrated, [n, classes]; `labels` [n] index `codes`; `malignant` is bool [classes].
    A figure that these photos cannot give (no malignant one among them, say) is None.
    """
    n, classes = probabilities.shape
    predicted = probabilities.argmax(axis=1)
    matrix = confusion_matrix(labels, predicted, classes)
    cancer, risk = malignant[labels], malignant_probability(probabilities, malignant)
    urgent = risk >= thresholds.urgent
    right = int(np.trace(matrix))
    found, spared = int((urgent & cancer).sum()), int((~urgent & ~cancer).sum())
    sure_right, sure_n = accuracy_at_coverage(probabilities, labels, 0.8)
    answered = confidence(probabilities) >= thresholds.abstain
    answered_right = int((predicted == labels)[answered].sum())

    def resampled(figure: Callable[[np.ndarray], float]) -> Callable[[np.ndarray], float]:
        return lambda chosen: figure(confusion_matrix(labels[chosen], predicted[chosen], classes))

    def rate(hits: int, total: int) -> float | None:
        return hits / total if total else None

    return {
        "n": n,
        "patients": len(set(patients)),
        "classes": list(codes),
        "accuracy": right / n,
        "accuracy_ci": wilson(right, n),
        "balanced_accuracy": balanced_accuracy(matrix),
        "balanced_accuracy_ci": bootstrap(resampled(balanced_accuracy), patients),
        "macro_f1": macro_f1(matrix),
        "macro_f1_ci": bootstrap(resampled(macro_f1), patients),
        "malignant_auc": auc(risk, cancer),
        "malignant_auc_ci": bootstrap(lambda chosen: auc(risk[chosen], cancer[chosen]), patients),
        "malignant_threshold": float(np.mean(thresholds.urgent)),
        "malignant_n": int(cancer.sum()),
        "malignant_sensitivity": rate(found, int(cancer.sum())),
        "malignant_sensitivity_ci": wilson(found, int(cancer.sum())),
        "malignant_specificity": rate(spared, int((~cancer).sum())),
        "malignant_specificity_ci": wilson(spared, int((~cancer).sum())),
        "specificity_at_95_sensitivity": specificity_at_sensitivity(risk, cancer),
        "specificity_at_95_sensitivity_ci": bootstrap(
            lambda chosen: specificity_at_sensitivity(risk[chosen], cancer[chosen]), patients
        ),
        "per_class": {
            code: {
                "n": int(matrix[i].sum()),
                "recall": rate(int(matrix[i, i]), int(matrix[i].sum())),
                "recall_ci": wilson(int(matrix[i, i]), int(matrix[i].sum())),
            }
            for i, code in enumerate(codes)
        },
        "ece": calibration_error(probabilities, labels),
        "ece_ci": bootstrap(lambda chosen: calibration_error(probabilities[chosen], labels[chosen]), patients),
        "accuracy_at_80_coverage": sure_right / sure_n,
        "accuracy_at_80_coverage_ci": wilson(sure_right, sure_n),
        "error_reduction_at_80_coverage": error_reduction(probabilities, labels),
        "error_reduction_at_80_coverage_ci": bootstrap(
            lambda chosen: error_reduction(probabilities[chosen], labels[chosen]), patients
        ),
        "answered_share": float(answered.mean()),
        "answered_accuracy": rate(answered_right, int(answered.sum())),
        "answered_accuracy_ci": wilson(answered_right, int(answered.sum())),
        "answer_sets": {
            str(wanted): _answer_sets(probabilities, labels, threshold)
            for wanted, threshold in thresholds.conformal.items()
        },
        "confusion": matrix.tolist(),
    }


def _answer_sets(probabilities: np.ndarray, labels: np.ndarray, threshold: float | np.ndarray) -> dict[str, Any]:
    """How often the answer set holds the truth, and how many conditions it names on average."""
    sets = in_answer_set(probabilities, threshold)
    covered = int(sets[np.arange(len(labels)), labels].sum())
    return {
        "coverage": covered / len(labels),
        "coverage_ci": wilson(covered, len(labels)),
        "mean_size": float(sets.sum(axis=1).mean()),
    }


def measure_repeats(
    repeats: Sequence[tuple[np.ndarray, Thresholds]],
    labels: np.ndarray,
    codes: Sequence[str],
    malignant: np.ndarray,
    patients: Sequence[str],
) -> dict[str, Any]:
    """Figures of repeated cross-validation: each the mean over the repeats, ready for JSON.

    A repeat is (held-out probabilities [n, classes], each photo's thresholds).  Every interval resamples patients,
    and takes all repeats of a patient along: repeats make a figure steadier, they are no further patients.
    `spread` is the lowest and the highest repeat.
    """
    cancer = malignant[labels]

    def of_all(figure: Callable[[np.ndarray, Thresholds, np.ndarray], float | None]) -> dict[str, Any]:
        def mean(chosen: np.ndarray) -> float | None:
            values = [figure(probabilities, thresholds, chosen) for probabilities, thresholds in repeats]
            return None if None in values else float(np.mean([value for value in values if value is not None]))

        everyone = np.arange(len(labels))
        each = [figure(probabilities, thresholds, everyone) for probabilities, thresholds in repeats]
        known = [value for value in each if value is not None]
        return {
            "value": mean(everyone),
            "ci": bootstrap(mean, patients),
            "spread": [min(known), max(known)] if known else None,
        }

    def matrix(probabilities: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return confusion_matrix(labels[chosen], probabilities[chosen].argmax(axis=1), len(codes))

    def flagged(probabilities: np.ndarray, thresholds: Thresholds, chosen: np.ndarray, sick: bool) -> float | None:
        urgent = (malignant_probability(probabilities, malignant) >= thresholds.urgent)[chosen]
        group = cancer[chosen] == sick
        return float((urgent == sick)[group].mean()) if group.any() else None

    def covered(wanted: int) -> Callable[[np.ndarray, Thresholds, np.ndarray], float | None]:
        def at_coverage(probabilities: np.ndarray, thresholds: Thresholds, chosen: np.ndarray) -> float:
            sets = in_answer_set(probabilities, thresholds.conformal[wanted])
            return float(sets[chosen, labels[chosen]].mean())

        return at_coverage

    def risk(probabilities: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return malignant_probability(probabilities[chosen], malignant)

    def recall(code: int) -> Callable[[np.ndarray, Thresholds, np.ndarray], float | None]:
        def of_class(probabilities: np.ndarray, _thresholds: Thresholds, chosen: np.ndarray) -> float | None:
            those = chosen[labels[chosen] == code]
            return float((probabilities[those].argmax(axis=1) == code).mean()) if len(those) else None

        return of_class

    figures: dict[str, Callable[[np.ndarray, Thresholds, np.ndarray], float | None]] = {
        "accuracy": lambda p, t, i: float((p[i].argmax(axis=1) == labels[i]).mean()),
        "balanced_accuracy": lambda p, t, i: balanced_accuracy(matrix(p, i)),
        "macro_f1": lambda p, t, i: macro_f1(matrix(p, i)),
        "malignant_auc": lambda p, t, i: auc(risk(p, i), cancer[i]),
        "malignant_sensitivity": lambda p, t, i: flagged(p, t, i, True),
        "malignant_specificity": lambda p, t, i: flagged(p, t, i, False),
        "specificity_at_95_sensitivity": lambda p, t, i: specificity_at_sensitivity(risk(p, i), cancer[i]),
        "ece": lambda p, t, i: calibration_error(p[i], labels[i]),
        "accuracy_at_80_coverage": lambda p, t, i: float(np.divide(*accuracy_at_coverage(p[i], labels[i], 0.8))),
        "error_reduction_at_80_coverage": lambda p, t, i: error_reduction(p[i], labels[i]),
    }
    result: dict[str, Any] = {
        "n": len(labels),
        "patients": len(set(patients)),
        "classes": list(codes),
        "repeats": len(repeats),
    }
    for name, figure in figures.items():
        found = of_all(figure)
        result |= {name: found["value"], f"{name}_ci": found["ci"], f"{name}_spread": found["spread"]}
    result["answer_sets"] = {}
    for wanted in repeats[0][1].conformal:
        found = of_all(covered(wanted))
        result["answer_sets"][str(wanted)] = {"coverage": found["value"], "coverage_ci": found["ci"]}
    result["per_class"] = {}
    for index, code in enumerate(codes):
        found = of_all(recall(index))
        result["per_class"][code] = {
            "n": int((labels == index).sum()),
            "recall": found["value"],
            "recall_ci": found["ci"],
        }
    return result
