"""Behind `manage.py test`; which services the tests use: tests/conftest.py. Standard library only."""

import os
import subprocess
import sys
from collections.abc import Sequence

from skinclinic.bootstrap import ROOT

# What stays on one process, and in which order: tests/conftest.py.
# Two cores are what every machine has; as many again use them while others wait for a browser or a start.
PROCESSES = 4


def run(arguments: Sequence[str]) -> int:
    """Run pytest on the whole suite or on what `arguments` name; returns pytest's exit code."""
    command = [sys.executable, "-m", "pytest"]
    if not any(_decides_about_processes(argument) for argument in arguments):
        command += ["-n", str(PROCESSES), "--dist", "loadfile", "--no-loadscope-reorder"]
    environment = os.environ | {"NO_BOOTSTRAP": "1", "DJANGO_SETTINGS_MODULE": "skinclinic.settings"}
    return subprocess.call([*command, *arguments], cwd=ROOT, env=environment)  # noqa: S603 - our own interpreter


def _decides_about_processes(argument: str) -> bool:
    return argument in ("-n", "--pdb", "--collect-only", "--co", "--numprocesses") or argument.startswith(
        ("-n", "--numprocesses=", "--fixtures")
    )
