"""Out-of-fold results by patient: what every figure, temperature and threshold of a model rests on.

Nothing is measured on what it was fitted to: the network has not seen the patients of the fold, and the weight of
the answers, the temperature and the thresholds come from the other folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.answers import AnswerEncoding
from training.data.datasets import DataSet, folds_by_patient
from training.measuring.calibration import COVERAGES, choose_thresholds, fit_fusion
from training.measuring.metrics import Thresholds
from training.network.architecture import Network
from training.network.checkpoints import Checkpoints
from training.network.tuning import logits, tune_average
from training.progress import Curve, Report
from training.recipe import Options


@dataclass(frozen=True)
class CrossValidation:
    """Out-of-fold results: logits of the photo [n, classes], fold of each photo [n], a learning curve a fit."""

    photo: np.ndarray
    fold: np.ndarray
    curves: list[Curve]

    @property
    def epochs(self) -> int:
        """How long the fits took until they were best, on average."""
        return max(1, round(float(np.mean([curve.best_epoch for curve in self.curves]))))


@dataclass(frozen=True)
class OutOfFold:
    """Held-out probabilities [n, classes] with the answers and of the photo alone, and each photo's thresholds."""

    fused: np.ndarray
    alone: np.ndarray
    thresholds: Thresholds


def cross_validate(
    network: Network,
    views: np.ndarray,
    labels: np.ndarray,
    training: DataSet,
    options: Options,
    report: Report,
    checkpoints: Checkpoints | None = None,
) -> CrossValidation:
    """Networks that have not seen the patients they are asked about.

    The epoch to stop at is chosen on the held-out photos, which makes the figures slightly kind.
    """
    fold = folds_by_patient(training, options.folds, options.seed)
    photo = np.zeros((len(labels), len(training.labels)), np.float32)
    curves = []
    initial = network.model.get_weights()
    for each in range(fold.max() + 1):
        stage = f"Fold {each + 1} of {fold.max() + 1}"
        held, rest = np.flatnonzero(fold == each), np.flatnonzero(fold != each)
        # What the fold before has learnt, it learnt from the photos of this one too.
        network.model.set_weights(initial)
        tail = network.tail()
        found = tune_average(
            tail, views, labels, rest, held, options.recipe, options.seed + each, report, stage, checkpoints
        )
        photo[held] = logits(tail, views[0], held)
        right = float((photo[held].argmax(axis=1) == labels[held]).mean())
        report.say(
            f"{stage}: best after {', '.join(str(curve.best_epoch) for curve in found)} epochs, {right:.3f} right"
        )
        curves += found
    network.model.set_weights(initial)
    return CrossValidation(photo, fold, curves)


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
