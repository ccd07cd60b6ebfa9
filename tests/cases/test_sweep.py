"""What nobody works on any more: attempts, the sweep, and a broker that is down."""

import io
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from cases.jobs import broker
from cases.models import Prediction, PredictionState
from cases.photo import intake
from cases.prediction import asking, computing, queue
from tests.cases.asked import expire, fresh
from tests.cast import make_case, make_image, photo

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "engine")]
QUEUED, RUNNING, DONE = PredictionState.QUEUED, PredictionState.RUNNING, PredictionState.DONE
FAILED = PredictionState.FAILED


def test_three_lost_workers_end_in_a_readable_failure(prediction, settings):
    for attempt in (1, 2, 3):
        assert queue.claim(prediction.id).attempts == attempt
        expire(prediction)
    assert queue.claim(prediction.id) is None
    assert queue.sweep() == 1
    failed = fresh(prediction)
    assert (failed.state, failed.claim_token) == (FAILED, None)
    assert "Retry" in failed.reason

    assert asking.retry(prediction)
    assert computing.run(prediction.id)
    assert (fresh(prediction).state, fresh(prediction).attempts) == (DONE, 1)


def test_the_sweep_sends_what_was_lost_and_leaves_the_rest(alma, version, sent):
    old = timezone.now() - queue.RESEND_AFTER - timedelta(seconds=1)

    def make(**fields: object) -> str:
        prediction = asking.request(make_image(make_case(alma)))
        Prediction.objects.filter(id=prediction.id).update(**fields)
        return str(prediction.id)

    running = {"state": RUNNING, "claim_token": uuid4(), "attempts": 1}
    lost = make(queued_at=old)
    lost_urgent = make(queued_at=old, is_urgent_queue=True)
    orphaned = make(**running, lease_until=timezone.now() - timedelta(seconds=1))
    make()
    make(**running, lease_until=timezone.now() + timedelta(seconds=9))
    make(state=DONE, probabilities=[["NEV", 1]], finished_at=old, queued_at=old)
    make(state=FAILED, reason="Broke off.", queued_at=old)

    sent.clear()
    assert queue.sweep() == 3
    assert sent[0] == (lost_urgent, "urgent")
    assert set(sent[1:]) == {(lost, "routine"), (orphaned, "routine")}


def test_the_sweep_adds_no_messages_to_a_queue_that_is_only_long(alma, version, sent, monkeypatch):
    for _number in range(8):
        asking.request(make_image(make_case(alma)))
    Prediction.objects.update(queued_at=timezone.now() - timedelta(minutes=5))
    in_queue = {"routine": 8}
    monkeypatch.setattr(broker, "waiting", lambda name: in_queue[name])

    def sweeps() -> int:
        found = queue.sweep()
        in_queue["routine"] += found
        return found

    # A few at most, for a message that others hide; then none, however often it looks.
    assert (sweeps() < 8, sweeps(), sweeps()) == (True, 0, 0)
    in_queue["routine"] = 0
    assert sweeps() == 8


def test_a_clock_that_is_set_back_holds_no_row_for_ever(prediction, sent):
    ahead = timezone.now() + timedelta(days=1)
    # Queued, and then claimed, by a machine whose clock ran a day ahead.
    Prediction.objects.update(queued_at=ahead)
    sent.clear()
    assert queue.sweep() == 1
    assert queue.claim(prediction.id)
    Prediction.objects.update(lease_until=ahead)
    assert queue.sweep() == 1
    assert queue.claim(prediction.id).attempts == 2


def test_clocks_that_differ_a_little_take_nothing_from_a_worker(prediction, settings):
    assert queue.claim(prediction.id)
    Prediction.objects.update(lease_until=timezone.now() + timedelta(seconds=settings.PREDICTION_LEASE_SECONDS + 30))
    assert queue.claim(prediction.id) is None


def test_a_broker_that_is_down_costs_a_delay_only(case, version, monkeypatch, sent, django_capture_on_commit_callbacks):
    working = broker.current_app.send_task

    def down(*args: object, **options: object) -> None:
        raise ConnectionRefusedError("no broker")

    monkeypatch.setattr(broker.current_app, "send_task", down)
    with django_capture_on_commit_callbacks(execute=True):
        image = intake.accept(case, io.BytesIO(photo()), name="a.jpg", by=case.created_by)
    prediction = image.predictions.get()
    assert prediction.state == QUEUED
    Prediction.objects.update(queued_at=timezone.now() - timedelta(minutes=5))
    assert queue.sweep() == 0

    monkeypatch.setattr(broker.current_app, "send_task", working)
    assert queue.sweep() == 1
    assert sent == [(str(prediction.id), "routine")]


def test_an_unreachable_broker_does_not_keep_the_sender_waiting(monkeypatch):
    import time

    from celery import Celery
    from django.conf import settings

    app = Celery("elsewhere", broker="redis://127.0.0.1:1/0", set_as_current=False)
    app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    monkeypatch.setattr(broker, "current_app", app)
    started = time.monotonic()
    assert broker.tell(queue.TASK, uuid4(), "urgent") is False
    # Without the transport options Kombu goes on for six seconds.
    assert time.monotonic() - started < 4
