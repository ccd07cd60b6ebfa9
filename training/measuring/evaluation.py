"""Measuring a bundle on photos, through the very engine that serves it.  Nothing here loads TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.answers import UNANSWERED
from inference.bundle import Bundle
from inference.decision import calibrated
from inference.engine import Engine
from inference.preprocessing import open_upright
from training.data.datasets import DataError, DataSet, Example
from training.measuring.groups import by_group
from training.measuring.metrics import Thresholds, measure
from training.progress import Report


@dataclass(frozen=True)
class Scored:
    """Photos with what the model said: labels [n] and calibrated probabilities [n, classes] in bundle order."""

    examples: tuple[Example, ...]
    labels: np.ndarray
    probabilities: np.ndarray
    broken: tuple[str, ...]


def score(engine: Engine, dataset: DataSet, with_answers: bool = True, report: Report | None = None) -> Scored:
    """Run every readable photo through the engine.

    Raises DataError if a class of the data set is unknown to the model, or if no photo can be read.
    """
    report = report or Report()
    bundle = engine.bundle
    strangers = sorted(set(dataset.labels) - set(bundle.classes))
    if strangers:
        raise DataError(
            f"The model {bundle.name} does not know the class {strangers[0]}; it knows {', '.join(bundle.classes)}."
        )
    kept, logits, broken = [], [], []
    for number, example in enumerate(dataset.examples, 1):
        try:
            image = open_upright(dataset.path(example))
        except Exception:  # whatever Pillow raises, the file is listed and the rest is measured
            broken.append(example.file)
        else:
            kept.append(example)
            logits.append(engine.logits(image, example.answers if with_answers else UNANSWERED))
        report.step("Measuring", number, len(dataset.examples))
    if not kept:
        raise DataError("None of the photos can be read.")
    return Scored(
        tuple(kept),
        np.array([bundle.classes.index(example.label) for example in kept]),
        calibrated(np.stack(logits), bundle.temperature),
        tuple(broken),
    )


def learnt_from(bundle: Bundle, dataset: DataSet, split: str) -> bool:
    """Whether the bundle says that it was trained on this very split of this very data set."""
    training = bundle.spec.get("training", {})
    learnt = set(training.get("splits", "train").split(","))
    measured = set(dataset.splits if split == "all" else split.split(","))
    return training.get("manifest_sha256") == dataset.manifest_hash() and bool(learnt & measured)


def figures(bundle: Bundle, scored: Scored) -> dict[str, Any]:
    """Every figure of `training.measuring.metrics.measure`, and accuracy by group."""
    malignant = np.array([each.malignant for each in bundle.conditions])
    thresholds = Thresholds(bundle.urgent_threshold, bundle.abstain_threshold, bundle.conformal)
    patients = [example.patient for example in scored.examples]
    return {
        "model": bundle.name,
        "bundle_sha256": bundle.sha256,
        **measure(scored.probabilities, scored.labels, bundle.classes, malignant, thresholds, patients),
        "groups": by_group(scored.examples, scored.labels, scored.probabilities, malignant, bundle.urgent_threshold),
        "broken": list(scored.broken),
    }
