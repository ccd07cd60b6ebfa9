"""Out-of-fold results by patient: what every figure, temperature and threshold of a model rests on.

Nothing is measured on what it was fitted to: the network has not seen the patients of the fold, and the weight of
the answers, the temperature and the thresholds come from the other folds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from inference.answers import AnswerEncoding
from inference.decision import calibrated
from training.calibration import COVERAGES, choose_thresholds, fit_fusion, fit_temperature
from training.datasets import DataSet, folds_by_patient
from training.metrics import Thresholds
from training.network import Network
from training.progress import Report
from training.recipe import Options
from training.tuning import Curve, logits, tune

INNER_FOLDS = 3


@dataclass(frozen=True)
class CrossValidation:
    """Out-of-fold results: logits of the photo [n, classes], fold of each photo [n], learning curves.

    `soft` are the labels that the final network learns from, [n, classes]; None where it learns from the plain ones.
    """

    photo: np.ndarray
    fold: np.ndarray
    curves: list[Curve]
    soft: np.ndarray | None = None

    @property
    def epochs(self) -> int:
        """How long the folds' networks learnt until they were best, on average."""
        return max(1, round(float(np.mean([curve.best_epoch for curve in self.curves]))))


@dataclass(frozen=True)
class OutOfFold:
    """Held-out probabilities [n, classes] with the answers and of the photo alone, and each photo's thresholds."""

    fused: np.ndarray
    alone: np.ndarray
    thresholds: Thresholds


def cross_validate(
    network: Network, views: np.ndarray, labels: np.ndarray, training: DataSet, options: Options, report: Report
) -> CrossValidation:
    """Networks that have not seen the patients they are asked about.

    Without `recipe.distil` that is one network a fold.  With it those are the teachers: what they say of their
    held-out photos, calibrated, is mixed into the labels (self-distillation, Furlanello et al. 2018,
    arXiv:1805.04770), and a second network a fold learns from these.  A photo that a fresh network finds doubtful
    is then not learnt by heart.  With `options.nested` the teachers of a fold have not seen its patients either.
    """
    fold = folds_by_patient(training, options.folds, options.seed)
    teachers = _teach(network, views, labels, np.arange(len(labels)), fold, options, "Fold", report)
    if not options.recipe.distil:
        return CrossValidation(teachers.one_view, fold, teachers.curves)
    soft = _soft(teachers.all_views, labels, options.recipe.distil)
    initial = network.model.get_weights()
    photo = np.zeros_like(teachers.one_view)
    folds = fold.max() + 1
    for each in range(folds):
        stage = f"Student {each + 1} of {folds}"
        held, rest = np.flatnonzero(fold == each), np.flatnonzero(fold != each)
        theirs = soft
        if options.nested:
            inside = replace(training, examples=tuple(training.examples[index] for index in rest))
            inner = np.full(len(labels), -1)
            inner[rest] = folds_by_patient(inside, INNER_FOLDS, options.seed)
            taught = _teach(network, views, labels, rest, inner, options, f"Student {each + 1}, fold", report)
            theirs = np.zeros_like(soft)
            theirs[rest] = _soft(taught.all_views[rest], labels[rest], options.recipe.distil)
        network.model.set_weights(initial)
        tail = network.tail()
        told = partial(_tell_fold, report, stage, options.recipe.epochs)
        tune(tail, views, labels, rest, np.arange(0), options.recipe, options.seed + each, told, theirs)
        photo[held] = logits(tail, views, held)
        report.say(f"{stage}: held-out accuracy {(photo[held].argmax(axis=1) == labels[held]).mean():.3f}")
    network.model.set_weights(initial)
    return CrossValidation(photo, fold, teachers.curves, soft)


@dataclass(frozen=True)
class _Taught:
    """Held-out logits [n, classes] of the photo itself and averaged over its views, and the learning curves."""

    one_view: np.ndarray
    all_views: np.ndarray
    curves: list[Curve]


def _teach(
    network: Network,
    views: np.ndarray,
    labels: np.ndarray,
    chosen: np.ndarray,
    fold: np.ndarray,
    options: Options,
    name: str,
    report: Report,
) -> _Taught:
    """One network a fold of the photos `chosen`, each stopped when its held-out loss no longer improves."""
    initial = network.model.get_weights()
    one_view, all_views = np.zeros((2, len(labels), network.model.get_layer("photo").output.shape[-1]), np.float32)
    curves = []
    for each in range(fold.max() + 1):
        network.model.set_weights(initial)
        held, rest = chosen[fold[chosen] == each], chosen[fold[chosen] != each]
        stage = f"{name} {each + 1} of {fold.max() + 1}"
        told = partial(_tell_fold, report, stage, options.recipe.epochs)
        tail = network.tail()
        curve = tune(tail, views, labels, rest, held, options.recipe, options.seed + each, told)
        one_view[held] = logits(tail, views, held)
        if options.recipe.distil:
            all_views[held] = logits(tail, views, held, len(views))
        report.say(f"{stage}: best after {curve.best_epoch} epochs, held-out loss {min(curve.held_loss):.3f}")
        curves.append(curve)
    network.model.set_weights(initial)
    return _Taught(one_view, all_views, curves)


def _soft(taught: np.ndarray, labels: np.ndarray, share: float) -> np.ndarray:
    """Labels [n, classes] of which `share` is what calibrated teachers say and the rest the truth."""
    temperature = fit_temperature(taught, labels)
    truth = np.eye(taught.shape[1])[labels]
    return ((1 - share) * truth + share * calibrated(taught, temperature)).astype(np.float32)


def _tell_fold(report: Report, stage: str, epochs: int, epoch: int, curve: Curve) -> None:
    report.step(stage, epoch, epochs, f"held-out loss {curve.held_loss[-1]:.3f}" if curve.held_loss else "")


def out_of_fold(
    validation: CrossValidation,
    answers: np.ndarray,
    labels: np.ndarray,
    malignant: np.ndarray,
    encoding: AnswerEncoding,
    options: Options,
) -> OutOfFold:
    """Probabilities and thresholds of each fold, fitted on the out-of-fold logits of the other folds."""
    fused, alone = np.zeros((2, *validation.photo.shape))
    folds = range(validation.fold.max() + 1)
    for each in folds:
        held, rest = validation.fold == each, validation.fold != each
        fusion = fit_fusion(
            validation.photo[rest], answers[rest], labels[rest], encoding, options.seed, options.recipe.tilt
        )
        fused[held] = fusion.probabilities(validation.photo[held], answers[held])
        alone[held] = fusion.probabilities(validation.photo[held], np.zeros_like(answers[held]))
    urgent, abstain = np.zeros((2, len(labels)))
    conformal = {wanted: np.zeros(len(labels)) for wanted in COVERAGES}
    for each in folds:
        held, rest = validation.fold == each, validation.fold != each
        chosen = choose_thresholds(fused[rest], labels[rest], malignant)
        urgent[held], abstain[held] = chosen.urgent, chosen.abstain
        for wanted, threshold in chosen.conformal.items():
            conformal[wanted][held] = threshold
    return OutOfFold(fused, alone, Thresholds(urgent, abstain, dict(conformal)))
