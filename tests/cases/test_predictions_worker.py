"""A worker that dies in the middle of a prediction, with real processes and a real broker."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from celery import Celery
from django.conf import settings as project
from django.db import connection

from cases.jobs.broker import tell, waiting
from cases.models import PredictionState
from cases.photo import intake
from cases.prediction import queue
from tests.cases.models import registered_model
from tests.cast import make_case, photo

# The database number of this test alone: a worker of somebody's running service must not take its messages.
BROKER_DATABASE = 15  # no other test has one: the story of process N has 11 + N, up to 14
PATIENCE_SECONDS = 60


@dataclass
class Worker:
    process: subprocess.Popen
    log: Path
    killed: bool = False

    def kill(self) -> None:
        self.killed = True
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def until(condition: Callable[[], object], pool: list[Worker]) -> None:
    """Waits for `condition`; a worker that ends by itself, or too long a wait, fails the test with its log."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        logs = "\n".join(worker.log.read_text()[-2000:] for worker in pool)
        assert all(worker.killed or worker.process.poll() is None for worker in pool), logs
        assert time.monotonic() < end, logs
        time.sleep(0.1)


def database_url() -> str:
    """The test database, as a worker is told of it."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"


@pytest.fixture
def broker(broker_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty broker, to which this process sends too."""
    url = f"{broker_url.rpartition('/')[0]}/{BROKER_DATABASE}"
    app = Celery("tests", broker=url, set_as_current=False)
    app.conf.broker_transport_options = project.CELERY_BROKER_TRANSPORT_OPTIONS
    with app.connection_for_write() as connection_to_broker:
        connection_to_broker.default_channel.client.flushdb()
    monkeypatch.setattr("cases.jobs.broker.current_app", app)
    yield url
    app.close()


@pytest.fixture
def pool(broker: str, settings, tmp_path: Path) -> Iterator[list[Worker]]:
    """Two workers on the test's database and broker."""
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "REDIS_URL": broker,
        "MEDIA_ROOT": str(settings.MEDIA_ROOT),
        "VAR_DIR": str(tmp_path / "var"),
        "PREDICTION_LEASE_SECONDS": "2",
        "FIRST_COMPUTES": str(tmp_path / "first"),
        "COMPUTED": str(tmp_path / "computed"),
    }
    command = [sys.executable, "-m", "celery", "-A", "tests.cases.slow_worker", "worker", "--pool", "solo"]
    command += ["-Q", "urgent,routine", "--without-gossip", "--without-mingle", "--without-heartbeat"]

    started = []
    for log in (tmp_path / "worker-a.log", tmp_path / "worker-b.log"):
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=project.BASE_DIR, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        started.append(Worker(process, log))
    yield started
    for worker in started:
        worker.kill()


def test_messages_that_wait_are_counted(broker):
    assert waiting("routine") == 0
    for number in range(3):
        assert tell(queue.TASK, str(number), "routine")
    assert (waiting("routine"), waiting("urgent")) == (3, 0)


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_mid_prediction_costs_nothing(alma, pool, tmp_path):
    registered_model()
    case = make_case(alma)
    prediction = intake.accept(case, io.BytesIO(photo()), name="a.jpg", by=case.created_by).predictions.get()

    first, computed = tmp_path / "first", tmp_path / "computed"
    until(lambda: first.exists() and first.read_text().endswith("\n"), pool)
    prediction.refresh_from_db()
    assert (prediction.state, prediction.attempts) == (PredictionState.RUNNING, 1)
    by_pid = {worker.process.pid: worker for worker in pool}
    victim = by_pid.pop(int(first.read_text()))
    (survivor,) = by_pid.values()
    victim.kill()

    def is_done() -> bool:
        # What beat does every few seconds.
        queue.sweep()
        prediction.refresh_from_db()
        return not prediction.is_pending

    until(is_done, pool)
    assert (prediction.state, prediction.attempts, prediction.first_condition) == (PredictionState.DONE, 2, "NEV")
    assert case.images.get().predictions.count() == 1

    # The sweep's messages that came too late find nothing to do; one more photo comes behind them all.
    second = intake.accept(case, io.BytesIO(photo(seed=7)), name="b.jpg", by=case.created_by).predictions.get()

    def second_is_done() -> bool:
        second.refresh_from_db()
        return second.state == PredictionState.DONE

    until(second_is_done, pool)
    assert [int(line) for line in computed.read_text().split()] == [
        victim.process.pid,
        survivor.process.pid,
        survivor.process.pid,
    ]
    finished_at = prediction.finished_at
    prediction.refresh_from_db()
    assert prediction.finished_at == finished_at
