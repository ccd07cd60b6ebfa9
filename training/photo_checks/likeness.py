"""Measuring the perceptual hash: does it know a photo again, and does it take other photos for it?"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance

from cases.pixels import likeness
from inference.preprocessing import open_upright
from training.data.datasets import DataError, DataSet
from training.measuring.metrics import wilson
from training.progress import Report

REACHES = (likeness.SAME, likeness.SAME_OF_PATIENT)


def measure(dataset: DataSet, report: Report) -> dict[str, Any]:
    """How often a copy is within each reach, and how many pairs of photos of different lesions are; ready for JSON."""
    looks, lesions = [], []
    within: dict[str, list[int]] = {}
    for number, example in enumerate(dataset.examples, 1):
        photo = open_upright(dataset.folder / example.file)
        report.step("Hashing", number, len(dataset.examples))
        look = likeness.look(photo)
        if look is None:
            continue
        looks.append(look)
        lesions.append((example.patient, example.groups.get("lesion_id", "")))
        for name, copy in copies(photo).items():
            within.setdefault(name, []).append(likeness.difference(look, likeness.look(copy) or ~look))
    if len(looks) < 2:
        raise DataError("There must be at least two photos that can be told apart.")
    bits = np.unpackbits(np.array(looks, ">i8")[:, None].view(np.uint8), axis=1)
    differences = np.concatenate([(bits[at + 1 :] != bits[at]).sum(axis=1) for at in range(len(bits) - 1)])
    other = np.array([one != two for at, one in enumerate(lesions) for two in lesions[at + 1 :]])
    return {
        "n": len(looks),
        "pairs": int(other.sum()),
        "taken_for_another": {reach: int((differences[other] <= reach).sum()) for reach in REACHES},
        "known_again": {
            name: {reach: _rate(np.array(found) <= reach) for reach in REACHES} for name, found in within.items()
        },
    }


def copies(photo: Image.Image) -> dict[str, Image.Image]:
    """The same photo as it comes round again."""
    edge = round(0.01 * min(photo.size))
    return {
        "recompressed, JPEG 40": _jpeg(photo, 40),
        "half the size, JPEG 70": _jpeg(photo.resize((photo.width // 2, photo.height // 2)), 70),
        "brighter by 12 %": _jpeg(ImageEnhance.Brightness(photo).enhance(1.12), 85),
        "more contrast by 15 %": _jpeg(ImageEnhance.Contrast(photo).enhance(1.15), 85),
        "cut by 1 % at each edge": photo.crop((edge, edge, photo.width - edge, photo.height - edge)),
    }


def _jpeg(photo: Image.Image, level: int) -> Image.Image:
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=level)
    return Image.open(out)


def _rate(hits: np.ndarray) -> dict[str, Any]:
    return {"share": float(hits.mean()), "ci": wilson(int(hits.sum()), len(hits))}
