"""One training run: from a folder of photos to a bundle.

1. Decode every photo of the checked data once.
2. Compute frozen features for varied views of each training photo.
3. Tune on all folds but one, in turn, by patient: the out-of-fold logits give the weight of the answers, the
   temperature and the thresholds.
4. Tune on the whole training split, for as many epochs as the folds found best.
5. Export behind a gate, write the bundle, measure it through the serving engine on the held-out split.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from inference import bundle as bundles
from inference.answers import AnswerEncoding
from inference.bundle import Bundle, BundleClass
from inference.engine import Engine
from training import plots
from training.calibration import ANSWERED, COVERAGE, SENSITIVITY, Fusion, choose_thresholds, fit_fusion
from training.datasets import DataSet, check, decode, folds_by_patient
from training.evaluation import figures, score
from training.export import export
from training.metrics import Thresholds, measure
from training.model_card import model_card
from training.network import Network, build
from training.progress import Report
from training.recipe import Options, Recipe
from training.spec import describe_bundle
from training.tuning import Curve, cache_features, limit_threads, tune

TRAINING_SPLIT = "train"
HELD_OUT_SPLITS = ("val", "test")


@dataclass(frozen=True)
class CrossValidation:
    """Out-of-fold results on the training split: logits of the photo [n, classes], fold of each photo, curves."""

    photo: np.ndarray
    fold: np.ndarray
    curves: list[Curve]

    @property
    def epochs(self) -> int:
        return max(1, round(float(np.mean([curve.best_epoch for curve in self.curves]))))


def run(options: Options, dataset: DataSet, classes: tuple[BundleClass, ...], report: Report) -> Bundle:
    """Train on what `checked_data` returned, export, measure and write the bundle.

    Raises DataError, ExportError or BundleError, each with one sentence.
    """
    started = time.monotonic()
    keras.utils.set_random_seed(options.seed)
    limit_threads(2)
    training, pixels = readable(dataset, options, report)
    codes = [each.code for each in classes]
    labels = np.array([codes.index(example.label) for example in training.examples])
    encoding = AnswerEncoding.fit([example.answers for example in training.examples])
    answers = np.stack([encoding.encode(example.answers) for example in training.examples])

    network = build(options.network, len(classes), encoding.width, options.cut)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".cache-", dir=options.out) as cache:
        views = cache_features(network, pixels, options.recipe.views, options.seed, Path(cache), report)
        initial = network.model.get_weights()
        validation = cross_validate(network, views, labels, training, options, report)
        final = replace(options.recipe, epochs=validation.epochs)
        network.model.set_weights(initial)
        curve = tune_with_progress(network, views, labels, np.arange(len(labels)), final, options.seed, report)
        del views

    malignant = np.array([each.malignant for each in classes])
    fusion = fit_fusion(validation.photo, answers, labels, encoding, options.seed, options.recipe.tilt)
    network.model.get_layer("told").set_weights([fusion.weights])
    # The bias goes into the maps, whose mean is the photo's logit, so that stays true.
    kernel, bias = network.model.get_layer("maps").get_weights()
    network.model.get_layer("maps").set_weights([kernel, bias + fusion.bias])
    fused, alone = fused_out_of_fold(validation, answers, labels, encoding, options)
    thresholds = choose_thresholds(fused, labels, malignant)
    patients = [example.patient for example in training.examples]
    metrics = {
        "cross_validation": measure(fused, labels, codes, malignant, thresholds, patients),
        "cross_validation_photo_alone": measure(alone, labels, codes, malignant, thresholds, patients),
    }
    bundle = write_bundle(network, classes, encoding, fusion, thresholds, metrics, dataset, options, final, report)
    plots.draw_all(options.out, bundle, [*validation.curves, curve])
    report.say(f"Done in {(time.monotonic() - started) / 60:.1f} minutes: {options.out}")
    return bundle


def readable(dataset: DataSet, options: Options, report: Report) -> tuple[DataSet, np.ndarray]:
    """The training photos that can be read, decoded.  Broken ones are listed and skipped."""
    size = 64 if options.network == "student" else 224
    training, pixels, broken = decode(
        dataset.split(TRAINING_SPLIT), size, lambda done, total: report.step("Decoding", done, total)
    )
    if broken:
        report.say(f"Skipped {len(broken)} files that cannot be read: {', '.join(broken)}")
        check(dataset.without(broken))
    return training, pixels


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


def tune_with_progress(
    network: Network,
    views: np.ndarray,
    labels: np.ndarray,
    chosen: np.ndarray,
    recipe: Recipe,
    seed: int,
    report: Report,
) -> Curve:
    _none, curve = tune(
        network.tail(), views, labels, chosen, np.arange(0), recipe, seed,
        lambda epoch, curve: report.step("Whole training split", epoch, recipe.epochs, f"loss {curve.loss[-1]:.3f}"),
    )  # fmt: skip
    return curve


def fused_out_of_fold(
    validation: CrossValidation, answers: np.ndarray, labels: np.ndarray, encoding: AnswerEncoding, options: Options
) -> tuple[np.ndarray, np.ndarray]:
    """Held-out probabilities [n, classes] with the answers and without: the fusion too is fitted on other folds."""
    fused, alone = np.zeros((2, *validation.photo.shape))
    for each in range(validation.fold.max() + 1):
        held, rest = validation.fold == each, validation.fold != each
        fusion = fit_fusion(
            validation.photo[rest], answers[rest], labels[rest], encoding, options.seed, options.recipe.tilt
        )
        fused[held] = fusion.probabilities(validation.photo[held], answers[held])
        alone[held] = fusion.probabilities(validation.photo[held], np.zeros_like(answers[held]))
    return fused, alone


def write_bundle(
    network: Network,
    classes: tuple[BundleClass, ...],
    encoding: AnswerEncoding,
    fusion: Fusion,
    thresholds: Thresholds,
    metrics: dict[str, Any],
    dataset: DataSet,
    options: Options,
    final: Recipe,
    report: Report,
) -> Bundle:
    """Export, measure the export through the serving engine, and write the bundle with its figures and card."""
    cv = metrics["cross_validation"]
    spec = describe_bundle(
        name=options.name,
        classes=classes,
        encoding=encoding,
        size=network.size,
        temperature=fusion.temperature,
        thresholds={
            "urgent": {
                "threshold": thresholds.urgent,
                "target_sensitivity": SENSITIVITY,
                "sensitivity": cv["malignant_sensitivity"],
                "specificity": cv["malignant_specificity"],
            },
            "abstain": {"threshold": thresholds.abstain, "answered_share": ANSWERED},
            "conformal": {"threshold": thresholds.conformal, "coverage": COVERAGE},
        },
        attribution=options.attribution,
        imagenet=options.network == "lite0",
        training={
            "network": options.network,
            "tuned_from": network.cut,
            "seed": options.seed,
            "folds": options.folds,
            "recipe": asdict(final),
            "data": options.data.name,
            "manifest_sha256": dataset.manifest_hash(),
            "counts": [list(row) for row in dataset.counts()],
        },
    )
    with tempfile.TemporaryDirectory(prefix=".export-", dir=options.out) as temporary:
        report.say("Exporting …")
        files = export(network.model, Path(temporary))
        draft = bundles.write(Path(temporary) / "draft", {**spec, "metrics": {}}, files)
        engine = Engine(Bundle.load(draft))
        for split in HELD_OUT_SPLITS:
            if split in dataset.splits:
                held_out = dataset.split(split)
                metrics[split] = figures(engine.bundle, score(engine, held_out, report=report))
                metrics[f"{split}_photo_alone"] = figures(engine.bundle, score(engine, held_out, with_answers=False))
        for figures_of_split in metrics.values():
            for key in ("model", "bundle_sha256"):  # of the draft, not of the bundle
                figures_of_split.pop(key, None)
        spec["metrics"] = metrics
        card = Path(temporary) / bundles.CARD_FILE
        card.write_text(model_card(spec), encoding="utf-8")
        return Bundle.load(bundles.write(options.bundle, spec, {**files, bundles.CARD_FILE: card}))
