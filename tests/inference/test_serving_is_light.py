"""Serving never loads what only training needs: TensorFlow is slow to start, large, and hangs after a fork."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.inference import small_bundle
from tests.training import drawn

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("tensorflow", "keras", "tf2onnx", "onnx", "sklearn", "matplotlib", "torch")

CLASSIFY = """
from PIL import Image
from inference.bundle import Bundle
from inference.engine import Engine
Engine(Bundle.load({bundle!r})).classify(Image.new("RGB", (40, 40), "pink"))
"""
COMMANDS = """
import django
from django.core.management import call_command
django.setup()
call_command("classify", {photo!r}, model={bundle!r}, site="nose", json=True)
call_command("evaluate", data={data!r}, split="val", model={bundle!r})
"""


@pytest.mark.parametrize("script", [CLASSIFY, COMMANDS], ids=["engine", "commands"])
def test_no_training_library_is_loaded(tmp_path, script):
    bundle = small_bundle.write(tmp_path)
    data = drawn.folder(tmp_path / "data", {"NEV": 2, "MEL": 2})
    filled = script.format(bundle=str(bundle), data=str(data), photo=str(next(data.rglob("*.png"))))
    filled = filled.replace(repr(str(data)), f"__import__('pathlib').Path({str(data)!r})")
    report = f"import sys\nprint('loaded:', [name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", filled + report],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "skinclinic.settings", "VAR_DIR": str(tmp_path / "var")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.splitlines()[-1] == "loaded: []"


def test_beat_and_web_processes_know_the_engine_without_loading_it(tmp_path):
    """Only who computes pays for ONNX Runtime: beat sends messages, and a web process shows results."""
    script = (
        "import django, sys; django.setup()\n"
        "import skinclinic.celery, skinclinic.urls, cases.tasks, training.tasks, inference.engine\n"
        "print('loaded:', 'onnxruntime' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "skinclinic.settings", "VAR_DIR": str(tmp_path / "var")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.splitlines()[-1] == "loaded: False"
