"""Other ways of joining the photo with the answers, measured on kept predictions against the way that ships.

Each way is a convex multinomial regression on out-of-fold logits, fitted on all folds but one and asked about that
one, so nothing is measured on what it was fitted to.  It takes seconds and trains no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from inference.answers import AnswerEncoding
from inference.decision import calibrated, malignant_probability
from inference.statistics import bootstrap, confusion_matrix
from training.data.classes import code_of, describe
from training.data.datasets import DataError, load
from training.measuring.calibration import COPIES, hide, tilt
from training.measuring.metrics import (
    auc,
    balanced_accuracy,
    calibration_error,
    error_reduction,
    specificity_at_sensitivity,
)
from training.measuring.predictions import Predictions


@dataclass(frozen=True)
class Way:
    """logits = photo @ matrix + features(answers) @ weights + tilt.  The defaults are what `calibration` does."""

    name: str
    answers: Literal["plain", "products", "none"] = "plain"  # products: also of each two yes/no answers and age
    matrix: Literal["scale", "classes", "full"] = "scale"  # one scale, one a class, or every class speaks for every
    cancer: float = 0.0  # weight of the loss of malignant against benign beside the loss of the classes
    ridge: float = 1.0
    towards_scale: float = 20.0  # ridge on how far the matrix is from one scale
    tilt: float = 0.5


SHIPPED = Way("as shipped")
WAYS = (
    SHIPPED,
    *(Way(f"tilt {strength:g}", tilt=strength) for strength in (0.0, 0.3, 0.8, 1.0)),
    *(Way(f"ridge {ridge:g}", ridge=ridge) for ridge in (0.3, 3.0, 10.0)),
    Way("products of answers", answers="products", ridge=3.0),
    Way("products of answers, more ridge", answers="products", ridge=10.0),
    Way("a scale for each class", matrix="classes"),
    Way("every class for every class", matrix="full"),
    Way("malignant or not counts too", cancer=1.0),
    Way("malignant or not counts more", cancer=4.0),
    Way("matrix, malignant or not", matrix="full", cancer=1.0),
    Way("matrix, products, malignant or not", answers="products", matrix="full", cancer=1.0, ridge=3.0),
)


@dataclass(frozen=True)
class Case:
    """What the ways are measured on: kept logits [r, n, classes] and folds [r, n] of n photos, and their truth."""

    photo: np.ndarray
    fold: np.ndarray
    answers: np.ndarray  # float32 [n, width of the encoding]
    encoding: AnswerEncoding
    labels: np.ndarray
    malignant: np.ndarray  # bool [classes]
    patients: Sequence[str]


def case_of(predictions: Predictions, folder: Path, malignant: tuple[str, ...] = ()) -> Case:
    """Kept predictions beside the data set that they are of.

    Raises DataError, in one sentence, if the folder does not hold those photos.
    """
    known = {each.file: each for each in load(folder, code_of).examples}
    strange = [str(file) for file in predictions.files if str(file) not in known]
    if strange:
        raise DataError(f"{folder} does not hold {strange[0]}, of which these predictions speak.")
    examples = [known[str(file)] for file in predictions.files]
    codes = [str(code) for code in predictions.codes]
    classes, _unsaid = describe(tuple(codes), malignant)
    encoding = AnswerEncoding.fit([each.answers for each in examples])
    return Case(
        photo=predictions.photo,
        fold=predictions.fold,
        answers=np.stack([encoding.encode(each.answers) for each in examples]),
        encoding=encoding,
        labels=np.array([codes.index(each.label) for each in examples]),
        malignant=np.array([each.malignant for each in classes]),
        patients=[each.patient for each in examples],
    )


Figure = Callable[[np.ndarray, np.ndarray], float | None]  # of probabilities [n, classes] and chosen photos [m]


def figures_of(case: Case) -> dict[str, Figure]:
    """The figures that ways are compared by."""
    labels, cancer = case.labels, case.malignant[case.labels]

    def risk(p: np.ndarray, i: np.ndarray) -> np.ndarray:
        return malignant_probability(p[i], case.malignant)

    def balanced(p: np.ndarray, i: np.ndarray) -> float:
        return balanced_accuracy(confusion_matrix(labels[i], p[i].argmax(axis=1), len(case.malignant)))

    return {
        "accuracy": lambda p, i: float((p[i].argmax(axis=1) == labels[i]).mean()),
        "balanced_accuracy": balanced,
        "malignant_auc": lambda p, i: auc(risk(p, i), cancer[i]),
        "specificity_at_95_sensitivity": lambda p, i: specificity_at_sensitivity(risk(p, i), cancer[i]),
        "error_reduction_at_80_coverage": lambda p, i: error_reduction(p[i], labels[i]),
        "ece": lambda p, i: calibration_error(p[i], labels[i]),
    }


def measure_ways(case: Case, ways: Sequence[Way] = WAYS, seed: int = 1) -> Iterator[dict[str, Any]]:
    """A row a way, as soon as it is known: each figure as the mean over the repeats, with the paired difference from
    the first way and its 95 % interval over patients."""
    first = held_out(case, ways[0], seed)
    yield {"name": ways[0].name, **compared(case, first, first)}
    for way in ways[1:]:
        yield {"name": way.name, **compared(case, held_out(case, way, seed), first)}


def compared(case: Case, ours: np.ndarray, theirs: np.ndarray) -> dict[str, Any]:
    """Figures of `ours` [r, n, classes], and how much more they are than those of `theirs`."""
    everyone = np.arange(len(case.labels))
    row: dict[str, Any] = {}
    for key, figure in figures_of(case).items():

        def mean(results: np.ndarray, chosen: np.ndarray, figure: Figure = figure) -> float | None:
            values = [figure(each, chosen) for each in results]
            return None if None in values else float(np.mean(values))  # type: ignore[arg-type]

        def more(chosen: np.ndarray, mean: Callable = mean) -> float | None:
            one, other = mean(ours, chosen), mean(theirs, chosen)
            return None if one is None or other is None else one - other

        row[key] = mean(ours, everyone)
        row[f"{key}_more"] = more(everyone)
        row[f"{key}_more_ci"] = bootstrap(more, case.patients)
    return row


def held_out(case: Case, way: Way, seed: int) -> np.ndarray:
    """Held-out probabilities [r, n, classes] of a way, fitted on the other folds of each repeat."""
    result = np.zeros(case.photo.shape)
    for repeat, (photo, fold) in enumerate(zip(case.photo, case.fold, strict=True)):
        for each in range(fold.max() + 1):
            rest, held = fold != each, fold == each
            decide = fit(way, photo[rest], case.answers[rest], case.labels[rest], case.encoding, case.malignant, seed)
            result[repeat, held] = decide(photo[held], case.answers[held])
    return result


def fit(
    way: Way,
    photo: np.ndarray,
    answers: np.ndarray,
    labels: np.ndarray,
    encoding: AnswerEncoding,
    malignant: np.ndarray,
    seed: int,
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """(logits of photos, answers) to probabilities, fitted on logits [n, classes] of photos that were held out."""
    from scipy.optimize import minimize

    classes = photo.shape[1]
    told = features(way, hide(answers, encoding, np.random.default_rng(seed)), encoding)
    seen, target = np.tile(photo, (COPIES, 1)).astype(np.float64), np.tile(labels, COPIES)
    n, width, rows = len(target), told.shape[1], np.arange(len(target))
    shape = {"scale": 0, "classes": classes, "full": classes * classes}[way.matrix]
    strayed, per_photo = way.towards_scale / len(labels), way.ridge / len(labels)
    sick = malignant[target].astype(np.float64)

    def matrix(scale: float, strays: np.ndarray) -> np.ndarray:
        if way.matrix == "full":
            return scale * np.eye(classes) + strays.reshape(classes, classes)
        return np.diag(scale + strays) if way.matrix == "classes" else scale * np.eye(classes)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        scale, strays, weights = parameters[0], parameters[1 : 1 + shape], parameters[1 + shape :]
        weights = weights.reshape(width, classes)
        p = calibrated(seen @ matrix(scale, strays) + told @ weights, 1.0)
        slope = p.copy()
        slope[rows, target] -= 1
        value = -np.log(np.maximum(p[rows, target], 1e-12)).mean()
        if way.cancer:
            risk = np.clip(p[:, malignant].sum(axis=1), 1e-9, 1 - 1e-9)
            value -= way.cancer * (sick * np.log(risk) + (1 - sick) * np.log(1 - risk)).mean()
            # d risk / d logit_k = p_k (is k malignant - risk)
            slope += way.cancer * ((risk - sick) / (risk * (1 - risk)))[:, None] * p * (malignant - risk[:, None])
        slope /= n
        value += per_photo * (weights**2).sum() + strayed * (strays**2).sum()
        of_matrix = seen.T @ slope
        of_strays = {"scale": np.zeros(0), "classes": np.diag(of_matrix), "full": of_matrix.ravel()}[way.matrix]
        parts = (
            [np.trace(of_matrix)],
            of_strays + 2 * strayed * strays,
            (told.T @ slope + 2 * per_photo * weights).ravel(),
        )
        return value, np.concatenate(parts)

    start = np.concatenate(([1.0], np.zeros(shape + width * classes)))
    bounds = [(0.1, 10.0)] + [(None, None)] * (len(start) - 1)
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 300}).x
    mixed, weights = matrix(best[0], best[1 : 1 + shape]), best[1 + shape :].reshape(width, classes)
    lean = tilt(labels, classes, way.tilt)
    return lambda logits, said: calibrated(logits @ mixed + features(way, said, encoding) @ weights + lean, 1.0)


def features(way: Way, answers: np.ndarray, encoding: AnswerEncoding) -> np.ndarray:
    """Encoded answers [n, k] as a way reads them; a product with what is unknown is zero, as it is itself."""
    if way.answers == "none":
        return answers[:, :0]
    if way.answers == "plain":
        return answers
    single = [0, *range(2 + len(encoding.sites), encoding.width)]
    pairs = [answers[:, i] * answers[:, j] for place, i in enumerate(single) for j in single[:place]]
    return np.concatenate([answers, np.stack(pairs, axis=1)], axis=1)
