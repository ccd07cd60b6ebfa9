"""Silent predictions: computed beside the readers' opinion to judge a model, and seen or felt by nobody."""

import re
from pathlib import Path

import pytest
from django.conf import settings as project
from django.utils import timezone

from cases.models import Case, Consent, Prediction, PredictionState, Urgency
from cases.prediction import asking, computing, queue
from cases.reading.reads import OpinionChanged
from cases.record import lifecycle, patients
from cases.worklist import today
from inference import promotion, registry
from inference.models import ModelState, ModelVersion
from skinclinic import health
from tests.cases.models import FakeEngine, registered_model
from tests.cases.readings import URGENT, card_of, predict
from tests.cast import make_image, make_patient, waiting_case

pytestmark = pytest.mark.django_db
QUEUED, DONE, FAILED = PredictionState.QUEUED, PredictionState.DONE, PredictionState.FAILED
ROOT = Path(project.BASE_DIR)


@pytest.fixture(autouse=True)
def sent(monkeypatch) -> list[tuple[str, str]]:
    """What was sent to the broker, as (prediction id, queue)."""
    messages: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "cases.jobs.broker.current_app.send_task", lambda task, args, queue, **_: messages.append((args[0], queue))
    )
    return messages


@pytest.fixture
def engine(monkeypatch) -> FakeEngine:
    fake = FakeEngine(urgent=True, first="MEL")
    monkeypatch.setattr(registry, "engine", lambda version: fake)
    monkeypatch.setattr(computing, "_picture", lambda image: type("Picture", (), {"size": (512, 512)}))
    return fake


@pytest.fixture
def active(db) -> ModelVersion:
    return registered_model()


@pytest.fixture
def shadow(active) -> ModelVersion:
    return registered_model(ModelState.SHADOW)


@pytest.fixture
def case(alma) -> Case:
    return waiting_case(alma)


def silent_of(case: Case) -> Prediction:
    return Prediction.every.get(image__case=case, silent=True)


# --- The shadow beside the active model ------------------------------------------------------------------------


def test_a_new_photo_is_also_read_by_the_shadow_silently_and_last(
    case, active, shadow, sent, django_capture_on_commit_callbacks
):
    case = lifecycle.change(case.id, requested_urgency=Urgency.URGENT)
    with django_capture_on_commit_callbacks(execute=True):
        shown = asking.request(case.images.get())
    silent = silent_of(case)
    assert (shown.model_version, shown.silent) == (active, False)
    assert (silent.model_version, silent.state) == (shadow, QUEUED)
    assert sent == [(str(shown.id), "urgent"), (str(silent.id), "background")]
    assert asking.request(case.images.get()) == shown
    assert Prediction.every.count() == 2


def test_an_urgent_shadow_raises_nothing_and_stores_no_heat_map(case, active, shadow, engine):
    asking.request(case.images.get())
    silent = silent_of(case)
    assert computing.run(silent.id)
    silent.refresh_from_db()
    case.refresh_from_db()
    assert (silent.state, silent.urgent, silent.maps) == (DONE, True, None)
    assert silent.embedding
    assert (case.flagged_by_ai, case.urgency) == (False, Urgency.ROUTINE)


def test_without_an_active_model_or_consent_there_is_no_shadow_either(alma, shadow):
    refusing = waiting_case(alma, patient=make_patient(alma, ai_consent=Consent.REFUSED))
    asking.request(refusing.images.get())
    ModelVersion.objects.filter(state=ModelState.ACTIVE).update(state=ModelState.RETIRED)
    asking.request(waiting_case(alma).images.get())
    assert not Prediction.every.exists()


def test_consent_taken_back_ends_the_shadows_work_too(case, shadow, alma):
    asking.request(case.images.get())
    patients.record_consent(case.lesion.patient, "ai", Consent.REFUSED, alma.staff)
    assert set(Prediction.every.values_list("state", flat=True)) == {PredictionState.REJECTED}
    patients.record_consent(case.lesion.patient, "ai", Consent.GRANTED, alma.staff)
    assert set(Prediction.every.values_list("state", flat=True)) == {QUEUED}


def test_changed_answers_are_asked_of_both_but_not_of_a_shadow_that_ended(case, shadow, engine):
    asking.request(case.images.get())
    for prediction in Prediction.every.all():
        computing.run(prediction.id)
    lifecycle.change(case.id, bled="yes")
    assert set(Prediction.every.values_list("state", flat=True)) == {QUEUED}
    computing.run(silent_of(case).id)
    promotion.end_shadow(shadow.name, reason="Enough seen", by="Somebody")
    lifecycle.change(case.id, itch="yes")
    assert silent_of(case).state == DONE


def test_the_sweep_sends_silent_work_last_and_in_the_background(alma, active, shadow, sent):
    for _number in range(2):
        asking.request(waiting_case(alma).images.get())
    Prediction.every.update(queued_at=timezone.now() - 2 * queue.RESEND_AFTER)
    queue.sweep()
    assert [name for _, name in sent] == ["routine", "routine", "background", "background"]


def test_once_promoted_it_is_asked_anew_where_its_opinion_is_wanted(case, active, shadow, engine):
    """What it said silently stays unseen; asked for, it is computed again and then shown, and its flag counts."""
    asking.request(case.images.get())
    computing.run(silent_of(case).id)
    ModelVersion.objects.filter(id=active.id).update(state=ModelState.RETIRED)
    ModelVersion.objects.filter(id=shadow.id).update(state=ModelState.ACTIVE)
    assert card_of(case).chosen.prediction.model_version == active
    asked = asking.rerun(case.images.get())
    assert (asked.model_version, asked.silent, asked.state) == (shadow, False, QUEUED)
    computing.run(asked.id)
    case.refresh_from_db()
    assert card_of(case).is_urgent
    assert case.flagged_by_ai
    asked.refresh_from_db()
    assert asked.maps


# --- Nobody sees it --------------------------------------------------------------------------------------------


@pytest.fixture
def silent(case, shadow) -> Prediction:
    return predict(case.images.get(), shadow, silent=True, **URGENT)


def test_what_people_and_pages_get_leaves_silent_ones_out(case, silent):
    assert list(Prediction.objects.all()) == []
    assert list(case.images.get().predictions.all()) == []
    assert list(silent.model_version.predictions.all()) == []
    assert card_of(case).state == "none"


@pytest.mark.parametrize(
    ("role", "path"),
    [
        ("doctor", "/predictions/{id}/heatmap.png?condition=MEL"),
        ("doctor", "/api/v1/predictions/{id}/"),
        ("doctor", "/api/v1/predictions/{id}/heatmap/"),
        ("lead", "/api/v1/predictions/{id}/"),
        ("lead", "/admin/cases/prediction/{id}/change/"),
    ],
)
def test_its_id_opens_nothing(alma, silent, sign_in, role, path):
    assert sign_in(alma.role(role)).get(path.format(id=silent.id)).status_code == 404


def test_it_is_not_retried_by_readers(alma, silent, sign_in):
    Prediction.every.filter(id=silent.id).update(state=FAILED, reason="Broke off.")
    assert sign_in(alma.lead).post(f"/predictions/{silent.id}/retry/").status_code == 404
    assert sign_in(alma.lead).post(f"/api/v1/predictions/{silent.id}/retry/").status_code == 404


def test_no_read_names_it(alma, case, silent):
    from cases import access
    from cases.reading import reads

    assert not access.predictions(alma.doctor).filter(id=silent.id).exists()
    with pytest.raises((OpinionChanged, Prediction.DoesNotExist)):
        reads._prediction_seen(case, silent, None)


def test_it_is_no_part_of_todays_figures_nor_of_readiness(alma, case, silent):
    Prediction.every.filter(id=silent.id).update(state=FAILED, reason="Broke off.")
    predict(make_image(case), silent.model_version, silent=True, state=QUEUED, finished_at=None, probabilities=None)
    Prediction.every.update(queued_at=timezone.now() - 3 * health.LONGEST_QUEUE_AGE)
    figures = today.figures(alma.lead)
    assert (figures.queued, figures.failed) == (0, 0)
    assert health._queue()


def test_no_code_goes_round_the_manager():
    """A join over `predictions__` or `Prediction.every` sees silent ones: only these may, each for a reason."""
    allowed = {
        "cases/prediction/asking.py",  # what is asked for
        "cases/prediction/queue.py",  # who works on it
        "cases/prediction/computing.py",  # what a worker says of it
        "cases/prediction/rescoring.py",  # signed cases scored again
        "cases/reading/similar.py",  # features alone; what was said of a look-alike is what people were shown
        "cases/worklist/second_looks.py",  # signed cases that a new model would flag, for leads
        "skinclinic/metrics.py",  # counts, without a case
        "training/comparing/agreement.py",  # counts, without a case
        "training/data/snapshots.py",  # what a signed read saw, whatever it is now
    }
    found = set()
    for app in ("accounts", "cases", "inference", "training", "skinclinic"):
        for path in (ROOT / app).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            if "migrations" in name or name == "cases/models/prediction.py":
                continue
            if re.search(r"Prediction\.every|predictions__|_base_manager", path.read_text(encoding="utf-8")):
                found.add(name)
    assert found - allowed == set()
