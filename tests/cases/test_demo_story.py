"""The demo is believable: people work by day, the AI spoke before they signed, and it is right about most cases."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings

from accounts.models import Clinic
from cases.demo import everyday, hours, story
from cases.demo.visits import PATIENTS, TYPICAL, VISITS
from cases.models import Case, CaseState, Condition, LesionImage, Prediction, Read
from cases.pixels import drawing
from cases.vocabulary import conditions
from inference import promotion, registry
from inference.answers import Answers
from inference.bundle import Bundle
from inference.engine import Engine

VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize("wait", [0.3, 5, 20, 96])
def test_work_is_done_by_day_and_on_weekdays(wait):
    clinic = Clinic(time_zone="Europe/Vienna")
    for hour in range(0, 24 * 8, 3):
        came = hours.latest_in_hours(datetime(2025, 3, 1, 0, 40, tzinfo=UTC) + timedelta(hours=hour), clinic)
        done = hours.later(came, wait, clinic).astimezone(VIENNA)
        assert came < done
        for moment in (came, done):
            assert moment.weekday() < 5, moment
            assert 8 <= moment.astimezone(VIENNA).hour < 18, moment


@pytest.fixture
def told(db, monkeypatch, settings):
    """A part of the story, judged by the model that is shipped."""
    monkeypatch.setattr(story, "SMALL", (480, 360))
    monkeypatch.setattr(story, "LARGE", (480, 360))
    monkeypatch.setattr(story, "VISITS", [VISITS[8], VISITS[21], VISITS[25], *(v for v in VISITS if v.retaken)])
    some = [*everyday.visits()[::6]]
    monkeypatch.setattr(story.everyday, "visits", lambda: some)
    conditions.load_vocabulary()
    promotion.promote(registry.register(settings.SHIPPED_BUNDLE).name, reason="Shipped.", by="seed")
    return story.tell("password")


def test_the_ai_speaks_before_anybody_signs_by_day_and_agrees_with_most(told):
    for case in Case.objects.filter(clinic=told, state=CaseState.SIGNED):
        spoken = Prediction.objects.filter(image__case=case).order_by("finished_at").last()
        first = case.reads.order_by("signed_at").first()
        assert case.created_at < case.waiting_since < first.signed_at
        assert spoken.queued_at < spoken.finished_at < first.first_opinion.committed_at < first.signed_at
        assert LesionImage.objects.get(id=spoken.image_id).created_at < spoken.queued_at
    for read in Read.objects.all():
        signed = read.signed_at.astimezone(VIENNA)
        assert signed.weekday() < 5
        assert 8 <= signed.hour < 18, signed

    agree = Counter(
        Prediction.objects.filter(image__case=read.case).latest("finished_at").probabilities[0][0] == read.condition_id
        for read in Read.objects.select_related("case")
    )
    assert agree[True] > 2 * agree[False]


def test_figures_have_enough_biopsies_of_both_sorts(db):
    conditions.load_vocabulary()
    malignant = set(Condition.objects.filter(malignant=True).values_list("code", flat=True))
    found = [visit.outcome for visit in [*VISITS, *everyday.visits()] if visit.outcome]
    benign = [code for code in found if code not in malignant]
    assert min(len(benign), len(found) - len(benign)) >= 20


def test_everyday_cases_are_each_a_lesion_of_its_own():
    visits = everyday.visits()
    assert len({(visit.patient, visit.site, visit.side) for visit in visits}) == len(visits)
    assert all(visit.patient < len(PATIENTS) for visit in visits)


def test_the_shipped_model_knows_most_drawings_and_flags_what_is_malignant():
    engine = Engine(Bundle.load(settings.SHIPPED_BUNDLE))
    right = {}
    for kind in drawing.LOOKS:
        answers = Answers(age=62, **dict.fromkeys(TYPICAL[kind][-1].split(), True))
        opinions = [engine.classify(drawing.draw(kind, seed=seed, width=600, height=450), answers) for seed in (1, 2)]
        right[kind] = sum(next(iter(each.probabilities)) == kind for each in opinions)
        assert all(each.urgent for each in opinions) or kind not in ("MEL", "BCC", "SCC")
    assert sum(right.values()) >= 8, right
