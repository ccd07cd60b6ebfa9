"""The description that goes into bundle.json, apart from hashes and figures."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from inference.answers import AnswerEncoding
from inference.bundle import BundleClass
from inference.preprocessing import MEAN, SCALE
from training.network.weights import LICENCE

LIBRARIES = ("keras", "tensorflow-cpu", "tensorflow", "tf2onnx", "onnx", "onnxruntime", "numpy", "Pillow")


def describe_bundle(
    *,
    name: str,
    classes: tuple[BundleClass, ...],
    encoding: AnswerEncoding,
    size: int,
    temperature: float,
    thresholds: dict[str, Any],
    attribution: str,
    imagenet: bool,
    training: dict[str, Any],
) -> dict[str, Any]:
    """bundle.json without `metrics`, `files`, `format_version` and `sha256`."""
    return {
        "name": name,
        "classes": [asdict(each) for each in classes],
        "preprocessing": {
            "size": size,
            "fit": "whole picture squeezed to a square",
            "filter": "bilinear, antialiased",
            "mean": MEAN,
            "scale": SCALE,
        },
        "answers": encoding.to_spec(),
        "outputs": {
            "logits": "uncalibrated; probabilities are softmax(logits / temperature)",
            "probs": "softmax(logits), uncalibrated",
            "maps": "one map per class; its mean is the photo's logit of the class",
            "embedding": "pooled features",
        },
        "temperature": temperature,
        "thresholds": thresholds,
        "training": training,
        "licence": {
            "weights": LICENCE if imagenet else "Trained from random weights.",
            "bundle": "Apache-2.0",
            "attribution": attribution,
        },
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
