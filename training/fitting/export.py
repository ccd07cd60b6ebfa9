"""From a Keras model to the files of a bundle, with a gate: the export must say what the model says."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import keras
import numpy as np
import onnxruntime
from PIL import Image, ImageDraw, ImageFilter

from inference.bundle import KERAS_FILE, ONNX_FILE
from inference.preprocessing import prepare

TOLERANCE = 1e-4


class ExportError(Exception):
    """The export does not match the model; one sentence says by how much."""


def export(model: keras.Model, folder: Path, tolerance: float = TOLERANCE) -> dict[str, Path]:
    """Write model.keras (no optimiser state) and model.onnx (fp32) into `folder`; returns them by name.

    Raises ExportError if, on the fixed drawn pictures, ONNX Runtime differs from Keras by more than the tolerance, or
    its class maps from Grad-CAM.
    """
    files = {KERAS_FILE: folder / KERAS_FILE, ONNX_FILE: folder / ONNX_FILE}
    model.save(files[KERAS_FILE])
    # Keras exports only a model that has been called.
    _keras_outputs(model, *gate_inputs(model))
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras' own patch of tf2onnx for numpy 2
        model.export(files[ONNX_FILE], format="onnx", verbose=False)
    difference = largest_difference(model, files[ONNX_FILE])
    if difference > tolerance:
        raise ExportError(
            f"The ONNX export differs from the Keras model by {difference:.1e}, more than {tolerance:.0e}: refused."
        )
    difference = grad_cam_difference(model, files[ONNX_FILE])
    if difference > tolerance:
        raise ExportError(
            f"The class maps differ from Grad-CAM by {difference:.1e}, more than {tolerance:.0e}: refused, for a heat "
            "map must show what the answer rests on."
        )
    return files


def grad_cam_difference(model: keras.Model, onnx_file: Path) -> float:
    """max |class map - Grad-CAM| of what is served, on the fixed drawn pictures.

    Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) of the last features, before its rectification, is the class map
    but for its bias and for being a mean instead of a sum over places.
    """
    import tensorflow as tf

    images, answers = gate_inputs(model)
    (maps,) = _served(onnx_file, ["maps"], images, answers)
    last = model.get_layer("maps")
    features = keras.Model(model.input, last.input)({"image": images, "answers": answers}, training=False)
    places, bias = features.shape[1] * features.shape[2], last.get_weights()[1]
    worst = 0.0
    for each in range(maps.shape[-1]):
        with tf.GradientTape() as tape:
            tape.watch(features)
            logit = tf.reduce_mean(last(features)[..., each], axis=(1, 2))
        slopes = tf.reduce_mean(tape.gradient(logit, features), axis=(1, 2), keepdims=True)
        grad_cam = tf.reduce_sum(slopes * features, axis=-1).numpy() * places + bias[each]
        worst = max(worst, float(np.abs(grad_cam - maps[..., each]).max()))
    return worst


def largest_difference(model: keras.Model, onnx_file: Path) -> float:
    """max |ONNX - Keras| over every output on the fixed drawn pictures, with and without answers."""
    images, answers = gate_inputs(model)
    expected = _keras_outputs(model, images, answers)
    got = _served(onnx_file, list(expected), images, answers)
    return max(float(np.abs(ours - theirs).max()) for ours, theirs in zip(got, expected.values(), strict=True))


def gate_inputs(model: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    """Fixed pictures [4, size, size, 3] and answers [4, k] (none, then random but fixed ones)."""
    size, width = model.input["image"].shape[1], model.input["answers"].shape[1]
    images = np.stack([prepare(picture, size) for picture in drawn_pictures()])
    answers = np.random.default_rng(7).uniform(-1, 1, (len(images), width)).astype(np.float32)
    answers[0] = 0
    return images, answers


def drawn_pictures() -> list[Image.Image]:
    """Four pictures of a spot on skin, drawn by code: the same on every machine."""
    pictures = []
    for skin, spot, shift in (
        ((224, 172, 140), (92, 56, 40), 0),
        ((198, 134, 100), (160, 60, 60), 20),
        ((141, 95, 70), (40, 28, 24), -25),
        ((240, 205, 185), (205, 120, 110), 10),
    ):
        picture = Image.new("RGB", (300, 300), skin)
        pen = ImageDraw.Draw(picture)
        pen.ellipse((90 + shift, 100, 200 + shift, 190), fill=spot)
        pen.ellipse((150 - shift, 140, 215 - shift, 215), fill=tuple(channel * 3 // 4 for channel in spot))
        pen.line((0, 40 + shift, 300, 90 - shift), fill=(70, 50, 40), width=2)
        pictures.append(picture.filter(ImageFilter.GaussianBlur(2)))
    return pictures


def _served(onnx_file: Path, names: list[str], images: np.ndarray, answers: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(onnx_file), providers=["CPUExecutionProvider"])
    return session.run(names, {"image": images, "answers": answers})


def _keras_outputs(model: keras.Model, images: np.ndarray, answers: np.ndarray) -> dict[str, np.ndarray]:
    outputs = model({"image": images, "answers": answers}, training=False)
    return {name: keras.ops.convert_to_numpy(values) for name, values in outputs.items()}
