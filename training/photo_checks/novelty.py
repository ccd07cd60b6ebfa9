"""Fitting the check for pictures that show no lesion, and measuring it on pictures it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inference.novelty import Novelty
from inference.preprocessing import open_upright, shrink
from inference.statistics import bootstrap, wilson
from training.data.datasets import PHOTO_SUFFIXES, DataError
from training.measuring.metrics import auc

COMPONENTS = 64
PER_COMPONENT = 5  # photos that there must be for each, or the distance fits the photos and not their kind
FLAGGED = 0.02  # share of real lesion photos that may be called unlike a lesion
FOLDS = 5
INVERSE_PENALTY = 0.01


@dataclass(frozen=True)
class Strangers:
    """Pictures without a lesion: uint8 [n, size, size, 3], the kind and the split of each."""

    pixels: np.ndarray
    kinds: np.ndarray
    splits: np.ndarray
    broken: tuple[str, ...] = ()


def load_strangers(
    folder: Path, size: int, progress: Callable[[int, int], None] = lambda done, total: None
) -> Strangers:
    """Pictures of a folder laid out as SPLIT/KIND/picture.jpg, decoded at a network's size.

    Raises DataError if the folder holds none.
    """
    files = sorted(
        each for each in folder.glob("*/*/*") if each.suffix.lower() in PHOTO_SUFFIXES and not each.name.startswith(".")
    )
    pixels, kinds, splits, broken = [], [], [], []
    for number, file in enumerate(files, 1):
        try:
            pixels.append(shrink(open_upright(file), size))
        except Exception:  # whatever Pillow raises, one unreadable file is listed and the rest is used
            broken.append(file.relative_to(folder).as_posix())
        else:
            kinds.append(file.parent.name)
            splits.append(file.parent.parent.name)
        progress(number, len(files))
    if not pixels:
        raise DataError(f"{folder} must hold pictures without a lesion as SPLIT/KIND/picture.jpg.")
    return Strangers(np.stack(pixels), np.array(kinds), np.array(splits), tuple(broken))


def fit(lesions: np.ndarray, strangers: np.ndarray | None) -> Novelty:
    """From features of lesion photos [n, d] and, if there are any, of pictures without a lesion [m, d].

    Both parts of the score are brought to the spread that they have among the lesions, so that each has a say: what
    was learnt from known strangers, and the distance, which also notices kinds that nobody thought of.
    """
    centre = lesions.mean(axis=0)
    away = lesions - centre
    components = min(COMPONENTS, lesions.shape[1], max(1, len(lesions) // PER_COMPONENT))
    _u, singular, right = np.linalg.svd(away, full_matrices=False)
    axes = right[:components].T / np.maximum(singular[:components] / np.sqrt(len(lesions)), 1e-6)
    axes /= np.sqrt(max(float(np.std(((away @ axes) ** 2).sum(axis=1))), 1e-9))
    direction = np.zeros_like(centre)
    if strangers is not None and len(strangers):
        direction = _separating(away, strangers - centre)
        direction /= max(float(np.std(away @ direction)), 1e-9)
    return Novelty(centre.astype(np.float32), axes.astype(np.float32), direction.astype(np.float32))


def _separating(lesions: np.ndarray, strangers: np.ndarray) -> np.ndarray:
    """The direction [d] of a balanced logistic regression on whitened components."""
    from sklearn.linear_model import LogisticRegression

    both = np.concatenate([lesions, strangers])
    middle = both.mean(axis=0)
    components = min(COMPONENTS, both.shape[1], max(1, len(both) // PER_COMPONENT))
    _u, singular, right = np.linalg.svd(both - middle, full_matrices=False)
    whiten = right[:components].T / np.maximum(singular[:components] / np.sqrt(len(both)), 1e-6)
    model = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=1000)
    model.fit((both - middle) @ whiten, np.repeat([0, 1], [len(lesions), len(strangers)]))
    return whiten @ model.coef_[0]


def held_out_threshold(
    lesions: np.ndarray, folds: np.ndarray, strangers: np.ndarray | None
) -> tuple[float, np.ndarray]:
    """(threshold, scores [n]): each lesion photo scored by a fit that has not seen its patient.

    The threshold is the one that FLAGGED of these held-out scores pass.
    """
    scores = np.zeros(len(lesions))
    for fold in np.unique(folds):
        held = folds == fold
        scores[held] = fit(lesions[~held], strangers).score(lesions[held])
    return float(np.quantile(scores, 1 - FLAGGED)), scores


def figures(
    lesions: np.ndarray,
    folds: np.ndarray,
    patients: Sequence[str],
    strangers: np.ndarray | None,
    kinds: np.ndarray | None,
    learnt: np.ndarray | None,
) -> dict[str, Any]:
    """How well the check tells strangers from held-out lesion photos, ready for JSON.

    `learnt` says which strangers are fitted to; the others are measured on.  For each kind two figures: with the
    kind among what was fitted to (`auroc`), and with it left out (`auroc_unseen`), which is what to expect of a kind
    that nobody thought of.
    """
    known = strangers[learnt] if strangers is not None and learnt is not None else None
    threshold, scores = held_out_threshold(lesions, folds, known)
    flagged = int((scores >= threshold).sum())
    result: dict[str, Any] = {
        "threshold": threshold,
        "target_flagged": FLAGGED,
        "lesions": len(lesions),
        "lesions_flagged": flagged / len(lesions),
        "lesions_flagged_ci": wilson(flagged, len(lesions)),
        "kinds": {},
    }
    if strangers is None or kinds is None or learnt is None or known is None:
        return result
    for kind in np.unique(kinds):
        measured = strangers[~learnt & (kinds == kind)]
        if not len(measured):
            continue
        found = int((fit(lesions, known).score(measured) >= threshold).sum())
        without = strangers[learnt & (kinds != kind)]
        _limit, scores_unseen = held_out_threshold(lesions, folds, without)
        result["kinds"][str(kind)] = {
            "n": len(measured),
            "noticed": found / len(measured),
            "noticed_ci": wilson(found, len(measured)),
            **_auroc("auroc", scores, fit(lesions, known).score(measured), patients),
            **_auroc("auroc_unseen", scores_unseen, fit(lesions, without).score(measured), patients),
        }
    return result


def _auroc(name: str, lesions: np.ndarray, strangers: np.ndarray, patients: Sequence[str]) -> dict[str, Any]:
    scores = np.concatenate([lesions, strangers])
    strange = np.repeat([False, True], [len(lesions), len(strangers)])
    owners = [*patients, *(f"stranger {number}" for number in range(len(strangers)))]
    return {
        name: auc(scores, strange),
        f"{name}_ci": bootstrap(lambda chosen: auc(scores[chosen], strange[chosen]), owners),
    }
