"""Photos that came while no model was active, and retries of what a retired model left behind."""

import threading

import pytest
from django.db import connection

from cases.errors import Refused
from cases.models import LesionImage, Prediction, PredictionState, Urgency
from cases.prediction import asking, catching_up, switch
from cases.record import lifecycle
from inference.models import ModelState, ModelVersion
from tests.cases.models import registered_model
from tests.cast import waiting_case

pytestmark = pytest.mark.django_db


def test_photos_taken_without_a_model_are_asked_of_the_first_one_once(alma, monkeypatch):
    monkeypatch.setattr(catching_up, "_REST", 0)  # not what keeps it from asking again
    first, second = waiting_case(alma), waiting_case(alma)
    assert catching_up.sweep() == 0
    version = registered_model()
    assert catching_up.sweep() == 2
    for case in (first, second):
        prediction = case.images.get().predictions.get()
        assert (prediction.model_version, prediction.state) == (version, PredictionState.QUEUED)
    assert catching_up.sweep() == 0


def test_only_what_may_be_asked_is(alma):
    refused, withdrawn, removed = waiting_case(alma), waiting_case(alma), waiting_case(alma)
    type(refused.lesion.patient).objects.filter(id=refused.lesion.patient_id).update(ai_consent="refused")
    lifecycle.withdraw(withdrawn.id, "Wrong patient.")
    LesionImage.objects.filter(case=removed).update(removed_at=removed.created_at)
    registered_model()
    assert catching_up.sweep() == 0
    assert not Prediction.objects.exists()


def test_a_shadows_silent_prediction_is_no_opinion(alma):
    image = waiting_case(alma).images.get()
    asking.request_silently(image, registered_model(ModelState.SHADOW))
    registered_model()
    assert catching_up.sweep() == 1


def test_more_than_a_batch_is_taken_in_several_sweeps(alma, monkeypatch):
    monkeypatch.setattr(catching_up, "BATCH", 2)
    for _number in range(3):
        waiting_case(alma)
    registered_model()
    assert [catching_up.sweep() for _time in range(3)] == [2, 1, 0]


def test_a_clinic_that_stopped_the_ai_takes_no_place_in_a_batch(alma, brno, monkeypatch):
    monkeypatch.setattr(catching_up, "BATCH", 2)
    for _number in range(3):
        waiting_case(alma, requested_urgency=Urgency.URGENT)
    switch.stop(alma.clinic.id, alma.lead, "Its scores look wrong.")
    other = waiting_case(brno)
    registered_model()
    assert catching_up.sweep() == 1
    assert Prediction.objects.get().image.case == other
    # What the clinic's own photos missed is asked for when it starts the AI again.
    switch.start(alma.clinic.id, alma.lead)
    assert Prediction.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_ask_once(alma):
    waiting_case(alma)
    registered_model()
    start, asked = threading.Barrier(2, timeout=20), []

    def sweep() -> None:
        try:
            start.wait()
            asked.append(catching_up.sweep())
        finally:
            connection.close()

    threads = [threading.Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 2
    assert sum(asked) == 1
    assert Prediction.objects.count() == 1


@pytest.fixture
def left_behind(alma) -> Prediction:
    """Failed, and its model was retired."""
    version = registered_model()
    prediction = asking.request(waiting_case(alma).images.get())
    assert prediction is not None
    Prediction.objects.filter(id=prediction.id).update(state=PredictionState.FAILED, reason="Broke off.", attempts=3)
    ModelVersion.objects.filter(id=version.id).update(state=ModelState.RETIRED)
    return Prediction.objects.get(id=prediction.id)


def test_a_retry_of_a_retired_models_prediction_asks_the_active_one(left_behind):
    active = registered_model()
    queued = asking.retry(left_behind)
    assert queued is not None
    assert (queued.model_version, queued.state, queued.image) == (active, PredictionState.QUEUED, left_behind.image)
    left_behind.refresh_from_db()
    assert left_behind.state == PredictionState.FAILED
    assert asking.retry(left_behind) == queued
    assert left_behind.image.predictions.count() == 2


def test_a_retry_without_any_model_says_so(left_behind, alma, sign_in):
    with pytest.raises(Refused) as refused:
        asking.retry(left_behind)
    assert refused.value.code == "no_model"
    answer = sign_in(alma.staff).post(f"/predictions/{left_behind.id}/retry/", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_model")
