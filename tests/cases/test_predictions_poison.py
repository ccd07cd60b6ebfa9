"""A photo whose decoder crashes or hangs, in a process of its own: it fails alone."""

import io
import os
import signal
import subprocess
import sys

import pytest
from django.conf import settings as project

from benchmarks.faults.apps import CRASHES, HANGS
from cases.models import Prediction, PredictionState
from cases.photo import intake
from cases.prediction import computing, queue
from inference import registry
from tests.cases.asked import expire
from tests.cases.models import FakeEngine, registered_model
from tests.cases.test_predictions_worker import database_url
from tests.cast import make_case, photo

# A worker without its broker: it computes the predictions that it is given, one after another.
_WORKER = """
import sys, uuid, django
django.setup()
from cases.prediction import computing
from inference import registry
from tests.cases.models import FakeEngine
registry.engine = lambda version: FakeEngine()
for each in sys.argv[1:]:
    computing.run(uuid.UUID(each))
"""
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr("cases.jobs.broker.tell", lambda *_: True)


@pytest.fixture
def asked(alma):
    """Two photos' predictions, queued."""
    registered_model()
    case = make_case(alma)
    return [
        intake.accept(case, io.BytesIO(photo(seed=seed)), name="a.jpg", by=case.created_by).predictions.get()
        for seed in range(2)
    ]


def poison(prediction: Prediction, content: bytes) -> None:
    derivative = prediction.image.derivative
    with derivative.storage.open(derivative.name, "wb") as file:
        file.write(content)


def work(*predictions: Prediction, settings, lease: int = 60) -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "MEDIA_ROOT": str(settings.MEDIA_ROOT),
        "CHAOS_DIR": str(settings.MEDIA_ROOT),
        "DJANGO_SETTINGS_MODULE": "benchmarks.faults.settings",
        "PREDICTION_LEASE_SECONDS": str(lease),
    }
    command = [sys.executable, "-c", _WORKER, *(str(each.id) for each in predictions)]
    return subprocess.run(
        command, cwd=project.BASE_DIR, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_decoder_that_crashes_fails_its_photo_alone_after_three_attempts(asked, settings):
    good, bad = asked
    poison(bad, CRASHES)
    # Two workers have died of it already.
    Prediction.objects.filter(id=bad.id).update(attempts=2)
    assert work(bad, good, settings=settings).returncode == -signal.SIGSEGV
    bad.refresh_from_db()
    assert (bad.state, bad.attempts) == (PredictionState.RUNNING, 3)
    expire(bad)
    assert queue.sweep()
    bad.refresh_from_db()
    assert bad.state == PredictionState.FAILED
    assert "stopped 3 times" in bad.reason
    # Nothing is left to crash at: its message is passed by, and the other photo is done.
    assert work(bad, good, settings=settings).returncode == 0
    good.refresh_from_db()
    assert (good.state, good.attempts) == (PredictionState.DONE, 1)


def test_a_decoder_that_hangs_is_ended_with_its_process_and_costs_one_attempt(asked, settings, monkeypatch):
    good, bad = asked
    with bad.image.derivative.open("rb") as file:
        whole = file.read()
    poison(bad, HANGS)
    ended = work(bad, good, settings=settings, lease=1)
    assert ended.returncode == 1
    # Where it hung, for whoever reads the log.
    assert "in load" in ended.stderr
    bad.refresh_from_db()
    assert (bad.state, bad.attempts) == (PredictionState.RUNNING, 1)
    # Another worker goes on with the queue, and takes over what the first had in its hands.
    poison(bad, whole)
    expire(bad)
    monkeypatch.setattr(registry, "engine", lambda version: FakeEngine())
    for each in (good, bad):
        assert computing.run(each.id)
        each.refresh_from_db()
    assert [(each.state, each.attempts) for each in (good, bad)] == [
        (PredictionState.DONE, 1),
        (PredictionState.DONE, 2),
    ]
