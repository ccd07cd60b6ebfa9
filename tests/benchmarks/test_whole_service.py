"""That the benchmarks of the whole service still measure it, on sizes at which the figures mean nothing."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks.machine import ROOT
from tests.benchmarks.on_one_service import FAULTS


@pytest.mark.one_pair
def test_the_whole_service_is_measured() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.on_one_service"],
        cwd=ROOT,
        env=environment | {"NO_BOOTSTRAP": "1", "DJANGO_SETTINGS_MODULE": "skinclinic.settings"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout)
    assert [each for each in results["chaos"]["verdicts"] if not each["met"]] == []
    assert [each["photos"] > 0 for each in results["chaos"]["faults"]] == [True] * len(FAULTS)
    figures = {each["what"]: each["value"] for result in results.values() for each in result["figures"]}
    # What takes less than a tick of the processor's clock may show as nothing.
    stages = {each["what"] for each in results["stages"]["figures"]}
    assert {"76 KB: worker: network", "76 KB: worker process, all of it"} <= stages
    assert all(value > 0 for what, value in figures.items() if what not in stages)
    assert figures["request start to the API's answer"] < figures["request start to stored result"]
    held = {each["what"]: each["met"] for each in results["scale"]["verdicts"]}
    assert held["processes with TensorFlow"]
    assert held["the largest worker"]
    assert held["the largest web process"]
