"""Out-of-fold results by patient: what every figure, temperature and threshold of a model rests on.

Nothing is measured on what it was fitted to: the network has not seen the patients of the fold, and the weight of
the answers, the temperature and the thresholds come from the other folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from inference.answers import AnswerEncoding
from training.calibration import choose_thresholds, fit_fusion
from training.datasets import DataSet, folds_by_patient
from training.metrics import Thresholds
from training.network import Network
from training.progress import Report
from training.recipe import Options
from training.tuning import Curve, tune


@dataclass(frozen=True)
class CrossValidation:
    """Out-of-fold results on the training split: logits of the photo [n, classes], fold of each photo, curves."""

    photo: np.ndarray
    fold: np.ndarray
    curves: list[Curve]

    @property
    def epochs(self) -> int:
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
    fold = folds_by_patient(training, options.folds, options.seed)
    initial = network.model.get_weights()
    photo = np.zeros((len(labels), len(training.labels)), np.float32)
    curves = []
    for each in range(fold.max() + 1):
        network.model.set_weights(initial)
        held, rest = np.flatnonzero(fold == each), np.flatnonzero(fold != each)
        stage = f"Fold {each + 1} of {fold.max() + 1}"
        told = partial(_tell_fold, report, stage, options.recipe.epochs)
        photo[held], curve = tune(network.tail(), views, labels, rest, held, options.recipe, options.seed + each, told)
        report.say(f"{stage}: best after {curve.best_epoch} epochs, held-out loss {min(curve.held_loss):.3f}")
        curves.append(curve)
    return CrossValidation(photo, fold, curves)


def _tell_fold(report: Report, stage: str, epochs: int, epoch: int, curve: Curve) -> None:
    report.step(stage, epoch, epochs, f"held-out loss {curve.held_loss[-1]:.3f}")


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
    urgent, abstain, conformal = np.zeros((3, len(labels)))
    for each in folds:
        held, rest = validation.fold == each, validation.fold != each
        chosen = choose_thresholds(fused[rest], labels[rest], malignant)
        urgent[held], abstain[held], conformal[held] = chosen.urgent, chosen.abstain, chosen.conformal
    return OutOfFold(fused, alone, Thresholds(urgent, abstain, conformal))
