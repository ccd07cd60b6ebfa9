"""Under CI a skip is a failure that says why; elsewhere it stays a skip."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.ops.running import ROOT

SUITE = """
import pytest

def test_passes(): pass

@pytest.mark.skip(reason="no service here")
def test_marked(): pass

def test_skips_itself(): pytest.skip("not today")

@pytest.fixture
def absent(): pytest.skip("nothing to offer")

def test_by_fixture(absent): pass

@pytest.mark.xfail(reason="known", strict=True)
def test_known_to_fail(): assert False

@pytest.mark.browser
def test_in_a_browser(): pass
"""
MODULE = "import pytest\nabsent = pytest.importorskip('a_library_that_is_not_there')\ndef test_it(): pass\n"


def outcome(folder: Path, ci: str, path: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_suite.py").write_text(SUITE)
    (folder / "test_module.py").write_text(MODULE)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = browser: drives a real Chromium\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.no_skips", "-q", "--continue-on-collection-errors"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "CI": ci, "PATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    done = outcome(tmp_path, ci="", path=str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert "1 passed, 5 skipped, 1 xfailed" in done.stdout


@pytest.mark.parametrize("ci", ["true", "1"])
def test_under_ci_a_skip_is_a_failure(tmp_path: Path, ci: str) -> None:
    done = outcome(tmp_path, ci=ci, path=str(tmp_path))
    assert done.returncode != 0
    assert "skipped" not in done.stdout.splitlines()[-1]
    assert "no Chromium on this machine: `sudo apt install chromium-headless-shell`" in done.stdout
    for reason in ("no service here", "not today", "nothing to offer", "a_library_that_is_not_there"):
        assert reason in done.stdout


def test_a_browser_that_is_there_is_used(tmp_path: Path) -> None:
    (tmp_path / "chromium").write_text("#!/bin/sh\n")
    (tmp_path / "chromium").chmod(0o755)
    done = outcome(tmp_path, ci="", path=str(tmp_path))
    assert "2 passed, 4 skipped, 1 xfailed" in done.stdout
