"""One training run: from a folder of photos to a bundle.

1. Decode every photo of the checked data once.
2. Compute frozen features for varied views of each training photo.
3. Tune on all folds but one, in turn, by patient: the out-of-fold logits give the weight of the answers, the
   temperature and the thresholds.
4. Tune on the whole training split, for as many epochs as the folds found best.
5. Export behind a gate, write the bundle, measure it through the serving engine on the held-out split.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from inference import bundle as bundles
from inference.answers import AnswerEncoding
from inference.bundle import Bundle, BundleClass
from inference.engine import Engine
from inference.novelty import Novelty
from training.data.datasets import DataError, DataSet, check, decode
from training.data.snapshots import facts as snapshot_facts
from training.fitting.crossvalidation import CrossValidation, OutOfFold, cross_validate, out_of_fold
from training.fitting.export import export
from training.fitting.model_card import model_card
from training.fitting.pace import FINAL_FIT, stages
from training.fitting.spec import describe_bundle
from training.measuring import plots
from training.measuring.calibration import ANSWERED, SENSITIVITY, Fusion, choose_thresholds, fit_fusion
from training.measuring.evaluation import figures, score
from training.measuring.groups import by_group
from training.measuring.metrics import Thresholds, measure, measure_repeats
from training.measuring.predictions import Predictions
from training.network.architecture import Network, build, input_size
from training.network.checkpoints import Checkpoints, kept_in, of_run
from training.network.tuning import cache_features, limit_threads, pooled_features, tune_average
from training.photo_checks import novelty
from training.progress import Report
from training.recipe import Options, Recipe

HELD_OUT_SPLITS = ("val", "test")


@dataclass(frozen=True)
class Material:
    """What a run learns from, decoded: the readable photos of the training splits with labels and answers."""

    training: DataSet
    pixels: np.ndarray  # uint8 [n, size, size, 3]
    codes: list[str]
    labels: np.ndarray  # [n], indices into codes
    malignant: np.ndarray  # bool [classes]
    encoding: AnswerEncoding
    answers: np.ndarray  # float32 [n, width of the encoding]

    @property
    def patients(self) -> list[str]:
        return [example.patient for example in self.training.examples]


def run(options: Options, dataset: DataSet, classes: tuple[BundleClass, ...], report: Report) -> Bundle:
    """Train on what `checked_data` returned, export, measure and write the bundle; an unfinished run is gone on with.

    Raises DataError, ExportError or BundleError, each with one sentence.
    """
    with of_run(options, dataset) as kept:
        return _run(options, dataset, classes, report, kept)


def _run(
    options: Options, dataset: DataSet, classes: tuple[BundleClass, ...], report: Report, kept: Checkpoints
) -> Bundle:
    started = time.monotonic()
    measured = sum(len(dataset.split(name).examples) for name in _measured_on(options, dataset))
    report.plan(stages(options, len(dataset.split(options.splits).examples), measured))
    material = prepare(options, dataset, classes, report)
    labels, codes, malignant = material.labels, material.codes, material.malignant
    network = build(options.network, len(classes), material.encoding.width, options.cut)
    views = cache_features(network, material.pixels, options.recipe.views, options.seed, kept.folder, report)
    validation = cross_validate(network, views, labels, material.training, options, report, kept)
    final = replace(options.recipe, epochs=validation.epochs)
    everyone, nobody = np.arange(len(labels)), np.arange(0)
    curves = tune_average(network.tail(), views, labels, everyone, nobody, final, options.seed, report, FINAL_FIT, kept)
    check = fit_novelty(network, views, validation.fold, material, options, report)
    del views

    fusion = fit_fusion(
        validation.photo, material.answers, labels, material.encoding, options.seed, options.recipe.tilt
    )
    network.model.get_layer("told").set_weights([fusion.weights])
    # The bias goes into the maps, whose mean is the photo's logit, so that stays true.
    kernel, bias = network.model.get_layer("maps").get_weights()
    network.model.get_layer("maps").set_weights([kernel, bias + fusion.bias])
    held_out = out_of_fold(validation, material.answers, labels, malignant, material.encoding, options)
    thresholds = choose_thresholds(held_out.fused, labels, malignant)
    metrics = {
        name: measure(probabilities, labels, codes, malignant, held_out.thresholds, material.patients)
        for name, probabilities in (
            ("cross_validation", held_out.fused),
            ("cross_validation_photo_alone", held_out.alone),
        )
    }
    groups = by_group(material.training.examples, labels, held_out.fused, malignant, held_out.thresholds.urgent)
    metrics["cross_validation"]["groups"] = groups
    drawings = [
        plots.learning_curves(options.out / "curves.svg", [*validation.curves, *curves]),
        *plots.draw_all(
            options.out, "Cross-validation, with answers", held_out.fused, labels, tuple(codes), malignant,
            float(thresholds.urgent), groups,
        ),
    ]  # fmt: skip
    bundle = write_bundle(
        network,
        classes,
        material.encoding,
        fusion,
        thresholds,
        metrics,
        dataset,
        options,
        final,
        check,
        drawings,
        report,
    )
    report.say(f"Done in {(time.monotonic() - started) / 60:.1f} minutes: {options.out}")
    return bundle


def _measured_on(options: Options, dataset: DataSet) -> list[str]:
    """The held-out splits that are not learnt from."""
    learnt = dataset.splits if options.splits == "all" else options.splits.split(",")
    return [split for split in HELD_OUT_SPLITS if split in dataset.splits and split not in learnt]


def measure_recipe(
    options: Options,
    dataset: DataSet,
    classes: tuple[BundleClass, ...],
    repeats: int,
    report: Report,
    predictions: Path | None = None,
    drawings: Path | None = None,
    work: Path | None = None,
) -> dict[str, Any]:
    """The figures of a recipe by repeated cross-validation over patients, ready for JSON; no model is kept.

    Repeat r deals the patients out with the seed `options.seed` + r.  What was said of each photo goes into the file
    `predictions` after every repeat, drawn figures of the first repeat into the folder `drawings`.  What was computed
    on the way is kept in `work`, where it is named, and the same call goes on from there.
    Raises DataError with one sentence.
    """
    material = prepare(options, dataset, classes, report)
    network = build(options.network, len(classes), material.encoding.width, options.cut)
    results: list[OutOfFold] = []
    validations: list[CrossValidation] = []
    with contextlib.ExitStack() as stack:
        if work:
            cache = stack.enter_context(kept_in(work, options, dataset)).folder
        else:
            cache = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="skinclinic-crossvalidate-")))
        views = cache_features(network, material.pixels, options.recipe.views, options.seed, cache, report)
        for repeat in range(repeats):
            report.say(f"Repeat {repeat + 1} of {repeats}")
            again = replace(options, seed=options.seed + repeat)
            fits = cache / f"repeat-{repeat + 1}"
            fits.mkdir(exist_ok=True)
            validation = cross_validate(
                network, views, material.labels, material.training, again, report, Checkpoints(fits)
            )
            validations.append(validation)
            results.append(
                out_of_fold(validation, material.answers, material.labels, material.malignant, material.encoding, again)
            )
            if predictions:
                Predictions(
                    files=np.array([each.file for each in material.training.examples]),
                    codes=np.array(material.codes),
                    photo=np.stack([each.photo for each in validations]),
                    fold=np.stack([each.fold for each in validations]),
                ).save(predictions)
        del views
    first = results[0]
    groups = by_group(
        material.training.examples, material.labels, first.fused, material.malignant, first.thresholds.urgent
    )
    if drawings:
        plots.draw_all(
            drawings, "Cross-validation, with answers", first.fused, material.labels, tuple(material.codes),
            material.malignant, float(np.mean(first.thresholds.urgent)), groups,
        )  # fmt: skip
        plots.learning_curves(drawings / "curves.svg", validations[0].curves)
    return {
        "data": options.data_name,
        "splits": options.splits,
        "manifest_sha256": dataset.split(options.splits).manifest_hash(),
        "network": options.network,
        "tuned_from": network.cut,
        "folds": options.folds,
        "seed": options.seed,
        "recipe": asdict(options.recipe),
        **{
            part: measure_repeats(
                [(getattr(each, field), each.thresholds) for each in results],
                material.labels, material.codes, material.malignant, material.patients,
            )
            for part, field in (("with_answers", "fused"), ("photo_alone", "alone"))
        },
        "groups": groups,
    }  # fmt: skip


def prepare(options: Options, dataset: DataSet, classes: tuple[BundleClass, ...], report: Report) -> Material:
    """Decode and encode what is learnt from.  Raises DataError if too little of it can be read."""
    keras.utils.set_random_seed(options.seed)
    limit_threads(2)
    training, pixels = readable(dataset, options, report)
    codes = [each.code for each in classes]
    encoding = AnswerEncoding.fit([example.answers for example in training.examples])
    return Material(
        training=training,
        pixels=pixels,
        codes=codes,
        labels=np.array([codes.index(example.label) for example in training.examples]),
        malignant=np.array([each.malignant for each in classes]),
        encoding=encoding,
        answers=np.stack([encoding.encode(example.answers) for example in training.examples]),
    )


def readable(dataset: DataSet, options: Options, report: Report) -> tuple[DataSet, np.ndarray]:
    """The training photos that can be read, decoded.  Broken ones are listed and skipped.

    Raises DataError if no photo of a class can be read: the network has an output for each class that was counted.
    """
    training, pixels, broken = decode(
        dataset.split(options.splits),
        input_size(options.network),
        lambda done, total: report.step("Decoding", done, total),
    )
    if broken:
        report.say(f"Skipped {len(broken)} files that cannot be read: {', '.join(broken)}")
        if lost := sorted(set(dataset.labels) - set(dataset.without(broken).labels)):
            raise DataError(
                f"No photo of the class {lost[0]} can be read: mend its files, or take its folder out of the data set."
            )
        check(dataset.without(broken), options.splits)
    return training, pixels


@dataclass(frozen=True)
class NoveltyCheck:
    """What notices a picture without a lesion, and how well it does."""

    novelty: Novelty
    figures: dict[str, Any]


def fit_novelty(
    network: Network, views: np.ndarray, fold: np.ndarray, material: Material, options: Options, report: Report
) -> NoveltyCheck | None:
    """None for a network without a frozen trunk, whose features say too little about a picture."""
    trunk = network.trunk()
    if trunk is None:
        return None
    lesions = views[0].astype(np.float32).mean(axis=(1, 2))
    strangers = kinds = learnt = known = None
    if options.not_a_lesion:
        found = novelty.load_strangers(
            options.not_a_lesion, network.size, lambda done, total: report.step("No lesions", done, total)
        )
        if found.broken:
            report.say(f"Skipped {len(found.broken)} files that cannot be read: {', '.join(found.broken)}")
        strangers = pooled_features(trunk, found.pixels)
        # Learnt from whatever is not held out, measured on what is.
        kinds, learnt = found.kinds, ~np.isin(found.splits, HELD_OUT_SPLITS)
        known = strangers[learnt]
    figures = novelty.figures(lesions, fold, material.patients, strangers, kinds, learnt)
    for kind, row in figures["kinds"].items():
        report.say(f"Not a lesion, {kind}: n = {row['n']}, AUROC {row['auroc']:.3f}, unseen {row['auroc_unseen']:.3f}")
    return NoveltyCheck(novelty.fit(lesions, known), figures)


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
    check: NoveltyCheck | None,
    drawings: list[Path],
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
            "conformal": {str(wanted): threshold for wanted, threshold in thresholds.conformal.items()},
            **({"novelty": check.figures} if check else {}),
        },
        attribution=options.attribution,
        imagenet=options.network != "student",
        training={
            "network": options.network,
            "tuned_from": network.cut,
            "seed": options.seed,
            "folds": options.folds,
            "splits": options.splits,
            "recipe": asdict(final),
            "asked": options.asked,
            "data": options.data_name,
            **snapshot_facts(options.snapshot),
            "manifest_sha256": dataset.manifest_hash(),
            "counts": [list(row) for row in dataset.counts()],
        },
    )
    with tempfile.TemporaryDirectory(prefix=".export-", dir=options.out) as temporary:
        report.say("Exporting …")
        report.step("Exporting", 0, 1)
        files = export(network.model, Path(temporary))
        report.step("Exporting", 1, 1)
        files |= {f"{bundles.PLOT_PREFIX}{each.name}": each for each in drawings}
        if check:
            files[bundles.NOVELTY_FILE] = Path(temporary) / bundles.NOVELTY_FILE
            check.novelty.save(files[bundles.NOVELTY_FILE])
        draft = bundles.write(Path(temporary) / "draft", {**spec, "metrics": {}}, files)
        engine = Engine(Bundle.load(draft))
        for split in _measured_on(options, dataset):
            held_out = dataset.split(split)
            metrics[split] = figures(engine.bundle, score(engine, held_out, report=report))
            metrics[f"{split}_photo_alone"] = figures(engine.bundle, score(engine, held_out, with_answers=False))
        for figures_of_split in metrics.values():
            for key in ("model", "bundle_sha256"):  # of the draft, not of the bundle
                figures_of_split.pop(key, None)
        spec["metrics"] = metrics
        card = Path(temporary) / bundles.CARD_FILE
        card.write_text(model_card(spec), encoding="utf-8")
        photos = Path(temporary) / bundles.TRAINING_PHOTOS_FILE
        photos.write_text("\n".join(sorted(dataset.split(options.splits).photo_hashes())) + "\n", encoding="ascii")
        described = {bundles.CARD_FILE: card, bundles.TRAINING_PHOTOS_FILE: photos}
        return Bundle.load(bundles.write(options.bundle, spec, {**files, **described}))
