"""Looks at the networks and writes what it finds as JSON: `python -m tests.training.look_at_networks FILE`.

A process of its own, because TensorFlow must not be loaded where Django's tests run and fork.
"""

import json
import math
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import numpy as np
from PIL import Image, ImageDraw

from inference.bundle import KERAS_FILE, ONNX_FILE
from inference.preprocessing import prepare
from training.fitting import export
from training.network import architecture, weights
from training.network.tuning import limit_threads, tune
from training.recipe import Recipe

ANSWERS = 20


def main() -> None:
    limit_threads(2)
    keras.utils.set_random_seed(0)
    built = architecture.build("lite0", 6, ANSWERS, "block10")
    model = built.model
    told = np.random.default_rng(0).normal(0, 1, (ANSWERS, 6)).astype(np.float32)
    model.get_layer("told").set_weights([told])
    seen = {**imagenet(model), **maps(model), **exports(model), **cuts(model), **training(built)}
    Path(sys.argv[1]).write_text(json.dumps(seen))


def run(model: keras.Model, images: np.ndarray, answers: np.ndarray | None = None) -> dict[str, np.ndarray]:
    answers = np.zeros((len(images), ANSWERS), np.float32) if answers is None else answers
    return {name: np.asarray(value) for name, value in model({"image": images, "answers": answers}).items()}


def imagenet(model: keras.Model) -> dict:
    tensors = weights.imagenet_tensors()
    used = weights.load_imagenet(model, tensors)
    pictures = {"analog clock": clock(), "crossword": crossword(), "ping-pong ball": ball()}
    embedding = run(model, np.stack([prepare(each, 224) for each in pictures.values()]))["embedding"]
    logits = embedding @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    return {
        "unused": sorted(name for name in tensors if name not in used and "num_batches" not in name),
        "parameters": model.count_params(),
        "known": {
            name: [int(row.argmax()), float(row.max())] for name, row in zip(pictures, probabilities, strict=True)
        },
    }


def maps(model: keras.Model) -> dict:
    images, _answers = export.gate_inputs(model)
    outputs = run(model, images)
    unanswered = np.abs(outputs["logits"] - np.asarray(_photo(model, images))).max()
    return {
        "map_mean_difference": float(np.abs(outputs["maps"].mean(axis=(1, 2)) - outputs["logits"]).max()),
        "unanswered_difference": float(unanswered),
    }


def _photo(model: keras.Model, images: np.ndarray) -> np.ndarray:
    photo = keras.Model(model.input, model.get_layer("photo").output)
    return photo({"image": images, "answers": np.zeros((len(images), ANSWERS), np.float32)})


def exports(model: keras.Model) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        said = gated(lambda: export.export(model, Path(folder)))
        files = {name: Path(folder) / name for name in (KERAS_FILE, ONNX_FILE)}
        loaded = keras.models.load_model(files[KERAS_FILE])
        images, answers = export.gate_inputs(model)
        one, other = run(model, images, answers), run(loaded, images, answers)
        student = architecture.build("student", 3, ANSWERS).model
        (Path(folder) / "student").mkdir()
        student_said = gated(lambda: export.export(student, Path(folder) / "student"))
        found = {
            "onnx_difference": said["largest_difference"],
            "grad_cam_difference": said["grad_cam_difference"],
            "student_onnx_difference": student_said["largest_difference"],
            "keras_file_difference": max(float(np.abs(one[name] - other[name]).max()) for name in one),
            "keras_file_megabytes": files[KERAS_FILE].stat().st_size / 1e6,
        }
        for name, stray in (("refusal", "largest_difference"), ("maps_refusal", "grad_cam_difference")):
            honest = getattr(export, stray)
            setattr(export, stray, lambda *_files: 0.002)
            try:
                export.export(student, Path(folder) / "student")
            except export.ExportError as error:
                found[name] = str(error)
            setattr(export, stray, honest)
    return found


def gated(work: Callable[[], object]) -> dict[str, float]:
    """What the gate of an export measured while `work` was done, by the name of its function."""
    measured: dict[str, float] = {}
    gates = {name: getattr(export, name) for name in ("largest_difference", "grad_cam_difference")}
    for name, gate in gates.items():
        setattr(export, name, partial(_kept, measured, name, gate))
    work()
    for name, gate in gates.items():
        setattr(export, name, gate)
    return measured


def _kept(measured: dict[str, float], name: str, gate: Callable[..., float], *files: object) -> float:
    measured[name] = gate(*files)
    return measured[name]


def cuts(model: keras.Model) -> dict:
    images, _answers = export.gate_inputs(model)
    expected = run(model, images)["logits"]
    differences = {}
    for cut in ("block10", "block0", "maps"):
        part = architecture.Network("lite0", model, 224, cut)
        logits = np.asarray(part.tail()(part.trunk()(images)))
        differences[cut] = float(np.abs(logits - expected).max())
    return {"cut_difference": differences}


def training(built: architecture.Network) -> dict:
    part = architecture.Network("lite0", built.model, 224, "block14")
    start = built.model.get_weights()
    norms = [layer for layer in built.model.layers if layer.name.endswith("_norm")]
    norms_before = [value for layer in norms for value in layer.get_weights()]
    features = np.random.default_rng(0).normal(0, 1, (2, 24, *part.trunk().output.shape[1:])).astype(np.float16)
    labels, results = np.arange(24) % 6, []
    for _time in range(2):
        built.model.set_weights(start)
        tune(part.tail(), features, labels, np.arange(18), np.arange(18, 24), Recipe(epochs=2), seed=5)
        results.append(built.model.get_weights())
    norms_after = [value for layer in norms for value in layer.get_weights()]
    return {
        "norm_changed_by_training": largest(norms_before, norms_after),
        "weights_changed_by_training": largest(start, results[0]),
        "seed_difference": largest(results[0], results[1]),
    }


def largest(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def clock() -> Image.Image:
    image = Image.new("RGB", (300, 300), (250, 250, 250))
    pen = ImageDraw.Draw(image)
    pen.ellipse((50, 50, 250, 250), fill=(30, 30, 30))
    pen.ellipse((60, 60, 240, 240), fill="white")
    for hour in range(12):
        x, y = math.sin(hour * math.pi / 6), -math.cos(hour * math.pi / 6)
        pen.line((150 + 80 * x, 150 + 80 * y, 150 + 70 * x, 150 + 70 * y), fill="black", width=4)
    pen.line((150, 150, 150, 85), fill="black", width=5)
    pen.line((150, 150, 195, 170), fill="black", width=7)
    return image


def crossword() -> Image.Image:
    image = Image.new("RGB", (300, 300), "white")
    for row in range(8):
        for column in range(8):
            left, top = column * 37, row * 37
            fill = "black" if (row + column) % 2 else "white"
            ImageDraw.Draw(image).rectangle((left, top, left + 37, top + 37), fill=fill)
    return image


def ball() -> Image.Image:
    image = Image.new("RGB", (300, 300), "skyblue")
    ImageDraw.Draw(image).ellipse((75, 75, 225, 225), fill="orange")
    return image


if __name__ == "__main__":
    main()
