"""Signed cases scored again: in the background, behind every patient, without a trace in what readers see."""

from datetime import timedelta
from uuid import uuid4

import pytest
from auditlog.models import LogEntry
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone

from cases import tasks
from cases.models import (
    Case,
    Condition,
    Consent,
    LesionImage,
    Prediction,
    PredictionState,
    Rescoring,
    RescoringState,
    SecondLook,
)
from cases.prediction import asking, computing, opinions, rescoring
from cases.reading import reads
from cases.worklist import second_looks
from inference import registry
from inference.bundle import BundleError
from inference.models import ModelState, ModelVersion
from tests.cases.models import FakeEngine, registered_model
from tests.cases.readings import URGENT, card_of, predict
from tests.cast import Cast, make_image, make_patient, waiting_case

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def sent(monkeypatch) -> list[tuple[str, str]]:
    messages: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "cases.jobs.broker.current_app.send_task", lambda task, args, queue, **_: messages.append((task, queue))
    )
    return messages


@pytest.fixture(autouse=True)
def engine(monkeypatch) -> FakeEngine:
    fake = FakeEngine(urgent=True, first="MEL")
    monkeypatch.setattr(registry, "engine", lambda version: fake)
    monkeypatch.setattr(computing, "_picture", lambda image: type("Picture", (), {"size": (512, 512)}))
    return fake


@pytest.fixture
def active(db) -> ModelVersion:
    return registered_model()


@pytest.fixture
def newer(active) -> ModelVersion:
    return registered_model(ModelState.CANDIDATE)


def signed_case(cast: Cast, version: ModelVersion | None = None, **fields) -> Case:
    """Signed as a nevus by a reader who saw the calm opinion of `version`."""
    case = waiting_case(cast, **fields)
    seen = predict(case.images.get(), version) if version else None
    reads.sign(
        case_id=case.id,
        reader=cast.doctor,
        read_id=uuid4(),
        condition=Condition.objects.get(code="NEV"),
        certainty="certain",
        management="discharge",
        ai_visible=bool(seen),
        prediction=seen,
        newest_seen=None,
    )
    return Case.objects.get(id=case.id)


def finish(job: Rescoring) -> Rescoring:
    rescoring.work(job.id)
    job.refresh_from_db()
    return job


# --- The job ---------------------------------------------------------------------------------------------------


def test_it_scores_the_signed_cases_of_one_clinic_and_changes_nothing_that_is_seen(alma, brno, active, newer):
    case = signed_case(alma, active)
    before = card_of(case)
    make_image(signed_case(alma, active), removed_at=timezone.now())
    waiting_case(alma)
    signed_case(brno, active)
    signed_case(alma, patient=make_patient(alma, ai_consent=Consent.REFUSED))

    job = finish(rescoring.start(alma.clinic, newer, by="Dr. Ruth Okafor"))

    assert (job.state, job.total, job.done, job.refused) == (RescoringState.DONE, 2, 2, 0)
    scored = Prediction.every.filter(model_version=newer)
    assert set(scored.values_list("silent", "state", "urgent")) == {(True, PredictionState.DONE, True)}
    assert scored.count() == 2
    assert card_of(case) == before
    case.refresh_from_db()
    assert not case.flagged_by_ai
    assert case.reads.get().prediction.model_version == active


def test_it_is_started_once_and_sent_to_the_queue_that_comes_last(
    alma, newer, sent, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        job = rescoring.start(alma.clinic, newer, by="One")
        assert rescoring.start(alma.clinic, newer, by="Two") == job
    assert sent == [(tasks.rescore.name, "background")]
    with pytest.raises(IntegrityError):
        Rescoring.objects.create(clinic=alma.clinic, model_version=newer, by="Three")


def test_it_steps_back_while_a_patient_waits(alma, active, newer, engine):
    for _number in range(3):
        signed_case(alma, active)
    live = waiting_case(alma).images.get()
    # A patient's photo comes in while the first one is scored.
    engine.during = lambda: asking.request(live)
    job = finish(rescoring.start(alma.clinic, newer, by="One"))
    assert (job.state, job.done) == (RescoringState.RUNNING, 1)
    assert rescoring.work(job.id) == 0
    engine.during = lambda: None
    computing.run(Prediction.objects.get(image=live).id)
    assert finish(job).state == RescoringState.DONE
    assert job.done == 3


def test_a_stretch_ends_with_its_time_and_beat_sends_the_next(alma, active, newer, sent):
    for _number in range(2):
        signed_case(alma, active)
    job = rescoring.start(alma.clinic, newer, by="One")
    assert rescoring.work(job.id, seconds=0) == 0
    sent.clear()
    tasks.sweep_predictions()
    assert sent == [(tasks.rescore.name, "background")]
    tasks.rescore(str(job.id))
    assert Rescoring.objects.get().state == RescoringState.DONE
    assert rescoring.sweep() == 0


def test_only_one_worker_works_on_it_and_a_lost_one_is_replaced(alma, active, newer):
    signed_case(alma, active)
    job = rescoring.start(alma.clinic, newer, by="One")
    assert rescoring._claim(job.id)
    assert rescoring.work(job.id) == 0
    assert rescoring.sweep() == 0
    Rescoring.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert rescoring.sweep() == 1
    assert finish(job).done == 1


def test_cancelled_it_stops_after_the_photo_and_a_new_start_goes_on(alma, active, newer, engine):
    for _number in range(3):
        signed_case(alma, active)
    job = rescoring.start(alma.clinic, newer, by="One")
    engine.during = lambda: rescoring.cancel(job)
    rescoring.work(job.id)
    engine.during = lambda: None
    job.refresh_from_db()
    assert job.state == RescoringState.CANCELLED
    assert not rescoring.cancel(job)
    assert Prediction.every.filter(model_version=newer).count() == 1
    again = finish(rescoring.start(alma.clinic, newer, by="One"))
    assert (again.state, again.total, again.done) == (RescoringState.DONE, 2, 2)
    assert rescoring.unscored(alma.clinic, newer).count() == 0


def test_a_photo_that_breaks_the_engine_costs_its_own_result_only(alma, active, newer, engine):
    for _number in range(2):
        signed_case(alma, active)

    def break_once():
        engine.during = lambda: None
        raise ZeroDivisionError

    engine.during = break_once
    job = finish(rescoring.start(alma.clinic, newer, by="One"))
    assert (job.state, job.done, job.refused) == (RescoringState.DONE, 2, 1)
    # Asked for again, what failed is tried again.
    assert finish(rescoring.start(alma.clinic, newer, by="One")).refused == 0
    assert rescoring.unscored(alma.clinic, newer).count() == 0


def test_its_engine_is_let_go_when_it_is_done(alma, active, newer, monkeypatch):
    let_go = []
    monkeypatch.setattr(registry, "let_go", lambda: let_go.append(True))
    signed_case(alma, active)
    finish(rescoring.start(alma.clinic, newer, by="One"))
    assert let_go == [True]


def test_a_model_that_does_not_load_ends_it_with_the_reason(alma, active, newer, monkeypatch):
    def broken(version):
        raise BundleError("There is no model bundle in /srv/bundles/x.")

    monkeypatch.setattr(registry, "engine", broken)
    signed_case(alma, active)
    job = finish(rescoring.start(alma.clinic, newer, by="One"))
    assert (job.state, job.done) == (RescoringState.FAILED, 0)
    assert "cannot be loaded" in job.reason
    assert "/srv" not in job.reason


def test_what_readers_were_shown_by_that_model_is_not_scored_again(alma, active):
    signed_case(alma, active)
    assert finish(rescoring.start(alma.clinic, active, by="One")).total == 0
    assert not Prediction.every.filter(silent=True).exists()


# --- The list --------------------------------------------------------------------------------------------------


@pytest.fixture
def flagged(alma, active, newer) -> Case:
    """A case that the newer model would flag, beside some that it would not or need not."""
    calm, known, other = (signed_case(alma, active) for _number in range(3))
    predict(calm.images.get(), newer, silent=True)
    predict(known.images.get(), newer, silent=True, **URGENT)
    Case.objects.filter(id=known.id).update(flagged_by_ai=True)
    predict(other.images.get(), newer, silent=True, **{**URGENT, "malignant_probability": 0.5})
    case = signed_case(alma, active)
    predict(case.images.get(), newer, silent=True, **URGENT)
    predict(make_image(case), newer, silent=True, **{**URGENT, "malignant_probability": 0.9})
    return case


def test_it_lists_what_would_be_flagged_now_the_likeliest_first(alma, flagged, newer):
    found = list(second_looks.newly_flagged(alma.lead, alma.clinic, newer))
    assert (len(found), found[0]) == (2, flagged)
    row = second_looks.rows(found)[0]
    assert row.malignant_percent == opinions.percent(0.9)
    assert (row.condition, row.conclusion, row.look) == ("Melanoma", "Melanocytic nevus", None)


def test_a_consent_taken_back_takes_the_case_off(alma, flagged, newer):
    patient = flagged.lesion.patient
    patient.ai_consent = Consent.REFUSED
    patient.save()
    assert flagged not in second_looks.newly_flagged(alma.lead, alma.clinic, newer)


def test_a_look_is_ticked_off_with_who_and_when_and_can_be_taken_back(alma, flagged, newer, sign_in):
    client, address = sign_in(alma.lead), reverse("rescored_look", args=[newer.id, flagged.id])
    client.post(address)
    client.post(address)
    look = SecondLook.objects.get()
    assert (look.case, look.by) == (flagged, alma.lead)
    shown = client.get(reverse("rescored_cases", args=[newer.id])).content.decode()
    assert alma.lead.name in shown
    # What is looked at goes to the end.
    assert list(second_looks.newly_flagged(alma.lead, alma.clinic, newer))[-1] == flagged
    assert second_looks.context(alma.lead, alma.clinic, newer)["flagged_unseen"] == 1
    client.post(address, {"undo": "1"})
    assert not SecondLook.objects.exists()
    assert LogEntry.objects.filter(content_type__model="secondlook").count() == 2


def test_the_pages_are_for_the_leads_of_the_clinic(alma, brno, flagged, newer, sign_in):
    listed, look = reverse("rescored_cases", args=[newer.id]), reverse("rescored_look", args=[newer.id, flagged.id])
    for role in ("doctor", "admin", "staff"):
        assert sign_in(alma.role(role)).get(listed).status_code == 403
    client = sign_in(brno.lead)
    assert str(flagged.lesion.patient) not in client.get(listed).content.decode()
    assert client.post(look).status_code == 404
    shown = sign_in(alma.lead).get(listed).content.decode()
    assert str(flagged.lesion.patient) in shown
    assert reverse("case_detail", args=[flagged.id]) in shown


def test_the_start_pages_address_leads_to_the_newest_model_that_flags_a_case_unseen(alma, flagged, newer, sign_in):
    client, address = sign_in(alma.lead), reverse("rescored_newest")
    assert client.get(address).url == reverse("rescored_cases", args=[newer.id])
    for case in second_looks.newly_flagged(alma.lead, alma.clinic, newer):
        second_looks.look_at(case, newer, alma.lead)
    done = client.get(address, follow=True)
    assert done.redirect_chain[-1][0] == reverse("model_list")
    assert "has been looked at" in done.content.decode()


def test_starting_and_cancelling_from_the_models_page(alma, active, newer, sign_in):
    signed_case(alma, active)
    client, page = sign_in(alma.lead), reverse("model_detail", args=[newer.id])
    assert "Score 1 photo" in client.get(page).content.decode()
    client.post(reverse("rescored_start", args=[newer.id]))
    part = client.get(reverse("rescored_progress", args=[newer.id])).content.decode()
    assert "0 of 1 photos scored" in part
    assert "load delay:3s" in part
    client.post(reverse("rescored_cancel", args=[newer.id]))
    assert "Cancelled: 0 of 1 photos" in client.get(page).content.decode()


def test_the_list_costs_as_many_queries_for_many_as_for_one(
    alma, flagged, newer, active, sign_in, django_assert_max_num_queries
):
    for _number in range(6):
        predict(signed_case(alma, active).images.get(), newer, silent=True, **URGENT)
    client = sign_in(alma.lead)
    with django_assert_max_num_queries(20):
        client.get(reverse("rescored_cases", args=[newer.id]))
    assert LesionImage.objects.count() > 10
