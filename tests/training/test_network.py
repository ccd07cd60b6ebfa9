"""The networks themselves; these load TensorFlow, in the one subprocess that this module starts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What tests/training/look_at_networks.py found, computed once for all tests here."""
    answer = tmp_path_factory.mktemp("networks") / "seen.json"
    run = subprocess.run(
        [sys.executable, "-m", "tests.training.look_at_networks", str(answer)],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(answer.read_text())


def test_every_imagenet_tensor_but_the_old_head_is_used(seen):
    assert seen["unused"] == ["_fc.bias", "_fc.weight"]
    assert seen["parameters"] == 3_413_024 + 6 * 1280 + 6 + 6 * 20


@pytest.mark.parametrize(
    ("picture", "imagenet_class", "at_least"),
    [("analog clock", 409, 0.5), ("crossword", 918, 0.4), ("ping-pong ball", 722, 0.3)],
)
def test_the_converted_network_recognises_what_imagenet_taught_it(seen, picture, imagenet_class, at_least):
    top, probability = seen["known"][picture]
    assert top == imagenet_class
    assert probability >= at_least


def test_onnx_says_what_keras_says(seen):
    assert seen["onnx_difference"] <= 1e-4
    assert seen["student_onnx_difference"] <= 1e-4


def test_an_export_that_differs_is_refused(seen):
    assert seen["refusal"] == "The ONNX export differs from the Keras model by 2.0e-03, more than 1e-04: refused."


def test_class_maps_are_grad_cam_or_the_export_is_refused(seen):
    assert 0 < seen["grad_cam_difference"] <= 1e-4
    assert seen["maps_refusal"].startswith("The class maps differ from Grad-CAM by 2.0e-03, more than 1e-04: refused")


def test_the_mean_of_a_map_is_the_photos_logit(seen):
    assert seen["map_mean_difference"] <= 1e-4


def test_no_answer_adds_nothing(seen):
    assert seen["unanswered_difference"] == 0.0


@pytest.mark.parametrize("cut", ["block10", "block0", "maps"])
def test_trunk_and_tail_together_are_the_network(seen, cut):
    assert seen["cut_difference"][cut] <= 1e-4


def test_batch_norm_keeps_the_statistics_of_imagenet(seen):
    assert seen["norm_changed_by_training"] == 0.0
    assert seen["weights_changed_by_training"] > 0.0


def test_the_same_seed_gives_the_same_weights(seen):
    assert seen["seed_difference"] == 0.0


def test_the_saved_keras_file_says_the_same(seen):
    assert seen["keras_file_difference"] == 0.0
    assert seen["keras_file_megabytes"] < 20
