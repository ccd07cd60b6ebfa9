"""A prediction that waits in the queue, a broker that only notes what it is sent, and an engine that loads nothing."""

import io

import pytest

from cases import tasks
from cases.jobs import broker
from cases.models import Case, Prediction
from cases.photo import intake
from inference import registry
from inference.models import ModelVersion
from tests.cases.models import FakeEngine, registered_model
from tests.cast import make_case, photo


@pytest.fixture
def sent(monkeypatch) -> list[tuple[str, str]]:
    """What was sent to the broker, as (prediction id, queue)."""
    messages: list[tuple[str, str]] = []

    def send(task: str, args: list[str], queue: str, **options: object) -> None:
        assert task == tasks.predict.name
        messages.append((args[0], queue))

    monkeypatch.setattr(broker.current_app, "send_task", send)
    return messages


@pytest.fixture
def engine(monkeypatch) -> FakeEngine:
    fake = FakeEngine()
    monkeypatch.setattr(registry, "engine", lambda version: fake)
    return fake


@pytest.fixture
def version(db) -> ModelVersion:
    return registered_model()


@pytest.fixture
def case(alma) -> Case:
    return make_case(alma)


@pytest.fixture
def prediction(case, version) -> Prediction:
    """Queued, with real files."""
    return intake.accept(case, io.BytesIO(photo()), name="a.jpg", by=case.created_by).predictions.get()
