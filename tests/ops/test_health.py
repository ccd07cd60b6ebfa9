"""/readyz says of each part that it is not well when it is not, and /healthz asks none of them."""

import os
import shutil
from collections import namedtuple
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connections
from django.utils import timezone

from cases.jobs import heartbeat
from cases.models import Prediction, PredictionState
from inference import known, registry
from inference.bundle import Bundle, BundleError
from inference.models import ModelState, ModelVersion
from skinclinic import health
from tests.cast import make_case, make_image
from tests.inference import small_bundle

pytestmark = pytest.mark.django_db


@pytest.fixture
def well(settings, monkeypatch, tmp_path, broker_url) -> Iterator[ModelVersion]:
    """A service in which every part is well; the active model."""
    settings.BUNDLE_ROOT = tmp_path / "bundles"
    version = registry.register(small_bundle.write(tmp_path))
    ModelVersion.objects.update(state=ModelState.ACTIVE)
    broker_at(monkeypatch, broker_url)
    cache.set(heartbeat.KEY, timezone.now())
    monkeypatch.setattr(health, "LEAST_FREE_BYTES", 0)
    yield version
    cache.delete(heartbeat.KEY)


def broker_at(monkeypatch, url: str) -> None:
    monkeypatch.setattr(health.current_app._get_current_object(), "connection_for_write", lambda: _connection(url))


def _connection(url: str) -> Any:
    from kombu import Connection

    return Connection(url, transport_options={"socket_connect_timeout": 1, "max_retries": 1})


def ill(client) -> set[str]:
    """The parts that are not well; the status agrees."""
    answer = client.get("/readyz")
    found = {part for part, is_well in answer.json().items() if not is_well}
    assert answer.status_code == (503 if found else 200)
    assert answer["Cache-Control"].startswith("max-age=0")
    return found


def waiting(cast, age: timedelta, **fields: Any) -> Prediction:
    return Prediction.every.create(
        image=make_image(make_case(cast)),
        model_version=ModelVersion.objects.get(),
        queued_at=timezone.now() - age,
        **fields,
    )


def test_all_is_well(well, client):
    assert ill(client) == set()


def test_without_a_database(well, client, monkeypatch):
    def gone(_connection) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(type(connections["default"]), "cursor", gone)
    assert ill(client) == {"database", "model", "queue"}
    assert client.get("/healthz").status_code == 200


def test_without_a_broker(well, client, monkeypatch):
    broker_at(monkeypatch, "redis://127.0.0.1:9/0")
    assert ill(client) == {"broker", "worker"}
    assert client.get("/healthz").status_code == 200


def test_without_an_active_model(well, client):
    ModelVersion.objects.update(state=ModelState.RETIRED)
    assert ill(client) == {"model"}


def test_with_a_model_whose_bundle_is_gone(well, client):
    shutil.rmtree(well.path)
    assert ill(client) == {"model"}


def test_with_a_model_whose_network_was_changed(well, client):
    network = Path(well.path) / "model.onnx"
    right = network.read_bytes()
    assert ill(client) == set()
    network.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    assert ill(client) == {"model"}
    network.write_bytes(right)
    assert ill(client) == set()


def test_a_bundle_is_read_again_only_when_it_looks_different(well, client, monkeypatch):
    assert ill(client) == set()
    read = []
    load = Bundle.load
    monkeypatch.setattr(Bundle, "load", lambda folder: read.append(folder) or load(folder))
    assert ill(client) == set()
    assert read == []
    os.utime(Path(well.path) / "model.onnx")
    assert ill(client) == set()
    assert len(read) == 1


def test_a_bundle_that_was_not_whole_is_read_again_after_a_while(well, client, monkeypatch):
    """A disk that fails for a moment leaves its files as they look."""

    def broken(folder):
        raise BundleError("The bundle lacks its file model.onnx.")

    with monkeypatch.context() as patch:
        patch.setattr(Bundle, "load", broken)
        assert ill(client) == {"model"}
    assert ill(client) == {"model"}
    monkeypatch.setattr(known, "_CHECKED_AGAIN_AFTER", 0)
    assert ill(client) == set()


@pytest.mark.parametrize("seen", [None, timedelta(seconds=61)])
def test_without_a_worker(well, client, seen):
    cache.delete(heartbeat.KEY)
    if seen:
        cache.set(heartbeat.KEY, timezone.now() - seen)
    assert ill(client) == {"worker"}


def test_with_a_queue_that_nobody_works_on(well, client, alma):
    waiting(alma, timedelta(minutes=4))
    waiting(alma, timedelta(hours=4), silent=True)  # nobody waits for these
    done = {"probabilities": [["NEV", 1.0]], "finished_at": timezone.now()}
    waiting(alma, timedelta(hours=4), state=PredictionState.DONE, **done)
    assert ill(client) == set()
    waiting(alma, timedelta(minutes=6))
    assert ill(client) == {"queue"}


def test_with_a_prediction_whose_worker_was_lost(well, client, alma):
    at_work = {"state": PredictionState.RUNNING, "claim_token": "0192f7c0-7a10-7000-8000-5d3c1b2a0001"}
    lost = waiting(alma, timedelta(minutes=6), lease_until=timezone.now() + timedelta(seconds=9), **at_work)
    assert ill(client) == set()
    Prediction.every.filter(id=lost.id).update(lease_until=timezone.now() - timedelta(minutes=1))
    assert ill(client) == {"queue"}


def test_with_a_full_disk(well, client, monkeypatch, settings):
    usage = namedtuple("usage", "total used free")
    asked = []

    def nearly_full(path):
        asked.append(path)
        return usage(10**9, 10**9 - 400 * 2**20, 400 * 2**20)

    monkeypatch.setattr(health, "LEAST_FREE_BYTES", 500 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", nearly_full)
    settings.MEDIA_ROOT = settings.MEDIA_ROOT / "not" / "made" / "yet"
    assert ill(client) == {"disk"}
    assert settings.MEDIA_ROOT.is_relative_to(asked[0])
