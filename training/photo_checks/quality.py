"""Fitting the photo quality score, and measuring how well it tells photos that were degraded on purpose."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from cases.pixels import picture, quality
from cases.pixels.errors import PhotoRefused
from cases.pixels.remarks import POOR
from inference.preprocessing import open_upright
from training.data.datasets import DataError, DataSet, Example
from training.measuring.metrics import auc, bootstrap, wilson
from training.photo_checks.degradations import DEGRADATIONS, as_sent
from training.progress import Report

# Share of the photos as they were taken of which a fitted part may be called poor.
REMARKED = 0.03
REACH = 0.9
BOOTSTRAPS = 400
INVERSE_PENALTY = 0.3
PLAIN = "as taken"

Result = TypeVar("Result")


def fit(dataset: DataSet, report: Report) -> dict[str, list[float]]:
    """The weights of quality.json: for each fitted part its slopes and constant.

    The constant is such that the part is below POOR for REMARKED of the photos as they were taken.
    """
    from sklearn.linear_model import LogisticRegression  # heavy, and only fitting needs it
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = [each for each in DEGRADATIONS if each.fitted]

    def measured(example: Example) -> dict[str, dict[str, list[float]]]:
        photo, rng = _opened(dataset, example)
        return {
            PLAIN: quality.features(photo),
            **{each.name: quality.features(each.worsen(photo, rng)) for each in fitted},
        }

    photos = _each_photo(dataset, measured, "Degrading for the fit", report)
    weights = {}
    for part in sorted({each.part for each in fitted}):
        good = np.array([photo[PLAIN][part] for photo in photos])
        names = [each.name for each in fitted if each.part == part]
        bad = np.array([photo[name][part] for name in names for photo in photos])
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=2000)
        ).fit(np.concatenate([good, bad]), np.repeat([1, 0], [len(good), len(bad)]))
        slopes = model[1].coef_[0] / model[0].scale_
        constant = -float(np.quantile(good @ slopes, REMARKED))
        weights[part] = [round(float(value), 4) for value in (*slopes, constant)]
    return weights


def write(weights: dict[str, list[float]], file: Path = quality.WEIGHTS) -> None:
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(weights, indent=1) + "\n")
    partial.replace(file)


def measure(dataset: DataSet, report: Report) -> dict[str, Any]:
    """AUC of undegraded against degraded photos for each degradation, by the score and by the part that is meant to
    notice it; with 95 % intervals over patients, ready for JSON. Each photo goes the whole way through intake."""

    def measured(example: Example) -> tuple[str, dict[str, dict[str, float]]] | None:
        photo, rng = _opened(dataset, example)
        variants = [(PLAIN, photo), *((each.name, each.worsen(photo, rng)) for each in DEGRADATIONS)]
        try:
            return example.patient, {
                name: picture.read(as_sent(variant), example.file).quality for name, variant in variants
            }
        except PhotoRefused:
            return None

    found = [each for each in _each_photo(dataset, measured, "Degrading and scoring", report) if each]
    if not found:
        raise DataError("None of the photos is one that intake takes.")
    patients = [patient for patient, _scores in found]
    rows = []
    for each in DEGRADATIONS:
        plain = [scores[PLAIN] for _patient, scores in found]
        degraded = [scores[each.name] for _patient, scores in found]
        noticed = sum(scores[each.part] < POOR for scores in degraded)
        alarms = sum(scores[each.part] < POOR for scores in plain)
        rows.append(
            {
                "degradation": each.name,
                "part": each.part,
                "clear": each.clear,
                **_auc("auc", _whole(plain), _whole(degraded), patients),
                **_auc("part_auc", _one(plain, each.part), _one(degraded, each.part), patients),
                "poor": noticed / len(found),
                "poor_ci": wilson(noticed, len(found)),
                "undegraded_poor": alarms / len(found),
                "undegraded_poor_ci": wilson(alarms, len(found)),
            }
        )
    return {
        "n": len(found),
        "patients": len(set(patients)),
        "not_taken": len(dataset.examples) - len(found),
        "reach": REACH,
        "reached": all(row["auc"] >= REACH for row in rows if row["clear"]),
        "degradations": rows,
    }


def _opened(dataset: DataSet, example: Example) -> tuple[Image.Image, np.random.Generator]:
    """The photo, and chance that is the same for it at every run."""
    return open_upright(dataset.folder / example.file), np.random.default_rng(zlib.crc32(example.file.encode()))


def _each_photo(dataset: DataSet, do: Callable[[Example], Result], stage: str, report: Report) -> list[Result]:
    """`do` of every photo, on all cores: Pillow and numpy leave the interpreter free while they work."""
    found = []
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        for number, result in enumerate(workers.map(do, dataset.examples), 1):
            found.append(result)
            report.step(stage, number, len(dataset.examples))
    return found


def _whole(photos: Iterable[dict[str, float]]) -> np.ndarray:
    return np.array([quality.score(scores) for scores in photos])


def _one(photos: Iterable[dict[str, float]], part: str) -> np.ndarray:
    return np.array([scores[part] for scores in photos])


def _auc(name: str, plain: np.ndarray, degraded: np.ndarray, patients: list[str]) -> dict[str, Any]:
    """How often a photo as taken scores above a degraded one; both of a patient are drawn together."""
    scores = np.concatenate([plain, degraded])
    good = np.repeat([True, False], len(plain))
    return {
        name: auc(scores, good),
        f"{name}_ci": bootstrap(lambda drawn: auc(scores[drawn], good[drawn]), patients * 2, rounds=BOOTSTRAPS),
    }
