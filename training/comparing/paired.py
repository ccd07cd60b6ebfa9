"""Two models on the same photos: the paired differences of their figures, each with a 95 % interval.

Both see every photo with the same answers, so a difference is computed photo by photo, and its interval by drawing
patients with replacement and measuring both models on each draw. Such an interval shrinks to nothing where two models
hardly ever differ, however few the photos: a difference of two rates therefore carries the wider of that interval and
Tango's score interval (Tango 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B), for as many
independent pairs as there are patients. Nothing here loads TensorFlow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cases.vocabulary import vocabulary
from inference.bundle import Bundle
from inference.engine import Engine
from inference.statistics import Z95, bootstrap, confusion_matrix, wilson
from training.data.datasets import DataError, DataSet
from training.measuring.evaluation import Scored, learnt_from, score
from training.measuring.metrics import auc, balanced_accuracy
from training.progress import Report

FIGURES = ("accuracy", "balanced_accuracy", "malignant_auc", "malignant_sensitivity", "malignant_specificity")


@dataclass(frozen=True)
class Side:
    """What one model said of the photos that both could judge, all arrays [n]."""

    predicted: np.ndarray  # int, index into the test set's classes; -1 for a class that the test set has not
    risk: np.ndarray  # float, probability of malignancy
    urgent: np.ndarray  # bool, risk reaches the model's own urgent threshold


def compare(
    candidate: Engine,
    baseline: Engine,
    dataset: DataSet,
    with_answers: bool = True,
    report: Report | None = None,
) -> dict[str, Any]:
    """Every figure of both models on `dataset` and their paired differences, candidate - baseline, ready for JSON.

    `figures` maps each of FIGURES to `candidate`, `baseline` and `difference`, each with a `_ci`; a rate also has
    `pairs`: how often both, one or neither was right, and McNemar's exact p. A figure that these photos cannot give
    is None.

    Raises:
        DataError: no photo has a class that both models know, or none can be read.
    """
    known = set(candidate.bundle.classes) & set(baseline.bundle.classes)
    judged = replace(dataset, examples=tuple(each for each in dataset.examples if each.label in known))
    if not judged.examples:
        raise DataError("No photo of the test set has a class that both models know.")
    report = report or Report()
    engines = (candidate, baseline)
    scored = [score(engine, judged, with_answers, _Half(report, half)) for half, engine in enumerate(engines)]
    # The same files through the same decoder: what one could not read, the other could not either.
    examples = scored[0].examples
    codes = sorted({example.label for example in examples})
    labels = np.array([codes.index(example.label) for example in examples])
    malignant = np.array([_is_malignant(code, (candidate.bundle, baseline.bundle)) for code in codes])[labels]
    patients = [example.patient for example in examples]
    sides = tuple(_side(engine.bundle, each, codes) for engine, each in zip(engines, scored, strict=True))
    left_out: dict[str, int] = {}
    for example in dataset.examples:
        if example.label not in known:
            left_out[example.label] = left_out.get(example.label, 0) + 1
    return {
        "n": len(examples),
        "patients": len(set(patients)),
        "classes": codes,
        "with_answers": with_answers,
        "left_out": left_out,
        "broken": list(scored[0].broken),
        "malignant_n": int(malignant.sum()),
        "malignant_patients": len({who for who, bad in zip(patients, malignant, strict=True) if bad}),
        "thresholds": {
            "candidate": candidate.bundle.urgent_threshold,
            "baseline": baseline.bundle.urgent_threshold,
        },
        "figures": paired_figures(sides[0], sides[1], labels, malignant, patients, len(codes)),
    }


def paired_figures(
    candidate: Side, baseline: Side, labels: np.ndarray, malignant: np.ndarray, patients: Sequence[str], classes: int
) -> dict[str, Any]:
    """The figures of `compare`; `labels` int [n] of `classes` classes, `malignant` bool [n]: the truth."""
    everything = np.ones(len(labels), bool)

    def balanced(side: Side, chosen: np.ndarray) -> float:
        # One column more for answers that the test set has no class for, which are never right.
        predicted = np.where(side.predicted[chosen] < 0, classes, side.predicted[chosen])
        return balanced_accuracy(confusion_matrix(labels[chosen], predicted, classes + 1))

    return {
        "accuracy": paired_rate(candidate.predicted == labels, baseline.predicted == labels, everything, patients),
        "balanced_accuracy": _paired(candidate, baseline, balanced, patients),
        "malignant_auc": _paired(
            candidate, baseline, lambda side, chosen: auc(side.risk[chosen], malignant[chosen]), patients
        ),
        "malignant_sensitivity": paired_rate(candidate.urgent, baseline.urgent, malignant, patients),
        "malignant_specificity": paired_rate(~candidate.urgent, ~baseline.urgent, ~malignant, patients),
    }


def paired_rate(
    candidate: np.ndarray, baseline: np.ndarray, among: np.ndarray, patients: Sequence[str]
) -> dict[str, Any]:
    """How often each model is right among some photos, and the paired difference; bool arrays [n]."""
    a, b = candidate[among], baseline[among]
    who = [patient for patient, one in zip(patients, among, strict=True) if one]
    n = len(who)
    pairs = {
        "both": int((a & b).sum()),
        "candidate_only": int((a & ~b).sum()),
        "baseline_only": int((~a & b).sum()),
        "neither": int((~a & ~b).sum()),
    }
    gained, lost = pairs["candidate_only"], pairs["baseline_only"]
    drawn = bootstrap(lambda chosen: float(a[chosen].mean() - b[chosen].mean()), who) if n else None
    # Photos of one patient resemble each other: together they are as good as one pair a patient.
    share = len(set(who)) / n if n else 0.0
    scored = tango(gained * share, lost * share, n * share) if n else None
    return {
        "n": n,
        "candidate": float(a.mean()) if n else None,
        "candidate_ci": wilson(int(a.sum()), n),
        "baseline": float(b.mean()) if n else None,
        "baseline_ci": wilson(int(b.sum()), n),
        "difference": (gained - lost) / n if n else None,
        "difference_ci": _wider(drawn, scored),
        "pairs": {**pairs, "mcnemar_p": mcnemar(gained, lost)},
    }


def tango(gained: float, lost: float, n: float) -> list[float]:
    """Tango's 95 % score interval of a paired difference of rates, (gained - lost) / n.

    All differences for which the score statistic, with its nuisance parameter at its constrained maximum likelihood,
    is at most 1.96 from zero (Tango 1998, equations 2 to 5). The counts may be fractions.
    """

    def statistic(difference: float) -> float:
        a = 2 * n
        b = -gained - lost + (2 * n - gained + lost) * difference
        c = -lost * difference * (1 - difference)
        nuisance = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
        variance = n * (2 * nuisance + difference * (1 - difference))
        distance = gained - lost - n * difference
        if variance <= 0:
            return math.copysign(math.inf, distance) if distance else 0.0
        return distance / math.sqrt(variance)

    middle = (gained - lost) / n
    # The statistic falls as the difference rises, and is zero in the middle.
    return [
        _crossing(lambda d: statistic(d) <= Z95, -1.0, middle),
        _crossing(lambda d: statistic(d) < -Z95, middle, 1.0),
    ]


def mcnemar(gained: int, lost: int) -> float:
    """McNemar's exact two-sided p: the chance of so uneven a split of the differing pairs if none is better."""
    n, fewer = gained + lost, min(gained, lost)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(fewer + 1)) / 2**n)


def overlap(bundle: Bundle, whole: DataSet, split: str) -> int | None:
    """How many photos of a split the model was trained on, known by their content.

    From a bundle that does not list its photos: all of them if it says that it learnt from this very split, else None,
    for nobody knows.
    """
    dataset = whole.split(split)
    listed = bundle.training_photos()
    if listed is not None:
        return sum(each in listed for each in dataset.photo_hashes())
    return len(dataset.examples) if learnt_from(bundle, whole, split) else None


class _Half(Report):
    """One of two equal halves of the work, as part of the whole."""

    def __init__(self, whole: Report, half: int) -> None:
        self._whole, self._half = whole, half

    def step(self, stage: str, done: int, total: int, text: str = "") -> None:
        self._whole.step(stage, self._half * total + done, 2 * total, text)


def _side(bundle: Bundle, scored: Scored, codes: Sequence[str]) -> Side:
    place = np.array([codes.index(code) if code in codes else -1 for code in bundle.classes])
    malignant = np.array([each.malignant for each in bundle.conditions])
    risk = scored.probabilities[:, malignant].sum(axis=1)
    return Side(place[scored.probabilities.argmax(axis=1)], risk, risk >= bundle.urgent_threshold)


def _is_malignant(code: str, bundles: Sequence[Bundle]) -> bool:
    """The truth is the same for both models: the vocabulary's word, else either bundle's."""
    condition = vocabulary().get(code)
    if condition and condition.malignant is not None:
        return condition.malignant
    return any(each.malignant for bundle in bundles for each in bundle.conditions if each.code == code)


def _paired(
    candidate: Side,
    baseline: Side,
    figure: Callable[[Side, np.ndarray], float | None],
    patients: Sequence[str],
) -> dict[str, Any]:
    def difference(chosen: np.ndarray) -> float | None:
        a, b = figure(candidate, chosen), figure(baseline, chosen)
        return None if a is None or b is None else a - b

    everything = np.arange(len(patients))
    return {
        "n": len(patients),
        "candidate": figure(candidate, everything),
        "candidate_ci": bootstrap(lambda chosen: figure(candidate, chosen), patients),
        "baseline": figure(baseline, everything),
        "baseline_ci": bootstrap(lambda chosen: figure(baseline, chosen), patients),
        "difference": difference(everything),
        "difference_ci": bootstrap(difference, patients),
    }


def _wider(*intervals: list[float] | None) -> list[float] | None:
    known = [each for each in intervals if each]
    return [min(low for low, _high in known), max(high for _low, high in known)] if known else None


def _crossing(passed: Callable[[float], bool], low: float, high: float) -> float:
    """Where `passed` turns from false to true between `low` and `high`, to a millionth."""
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if passed(middle) else (middle, high)
    return high
