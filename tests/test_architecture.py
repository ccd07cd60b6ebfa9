"""House rules that a linter cannot hold."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OWN_SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))
OWN_STYLES = sorted((ROOT / "static" / "css").rglob("*.css"))


def test_serving_never_loads_tensorflow():
    """TensorFlow hangs after a fork and costs 500 MB: neither web nor worker may import it, even by accident."""
    program = """
import json, os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "skinclinic.settings")
import skinclinic.wsgi
from django.urls import get_resolver
get_resolver().url_patterns
from skinclinic.celery import app
app.loader.import_default_modules()
from inference.bundle import Bundle
from inference.engine import Engine
from django.conf import settings
from PIL import Image
Engine(Bundle.load(settings.SHIPPED_BUNDLE)).classify(Image.new("RGB", (640, 480), (200, 150, 120)))
heavy = {"tensorflow", "keras", "torch", "sklearn", "matplotlib", "onnx", "tf2onnx", "scipy"}
print(json.dumps({"heavy": sorted(heavy & set(sys.modules)), "tasks": sorted(app.tasks)}))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["heavy"] == []
    assert "cases.tasks.predict" in seen["tasks"]


@pytest.mark.parametrize("path", OWN_SCRIPTS + OWN_STYLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_fetched_from_elsewhere(path):
    """The clinic's PC may have no internet, and a third party must not learn who opens which page."""
    fetched = re.findall(
        r"""(?:src|href|action|url|import|fetch)\s*[=(]?\s*["'(]\s*(?:https?:)?//[^"')\s]+""", path.read_text("utf-8")
    )
    assert fetched == []


def test_something_was_looked_at():
    assert OWN_SCRIPTS
    assert OWN_STYLES


def test_the_version_comes_from_the_changelog():
    from skinclinic.version import VERSION

    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
