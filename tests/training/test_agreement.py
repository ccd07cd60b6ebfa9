"""What a shadow said beside the active model and the readers: counts that somebody added up by hand."""

from uuid import uuid4

import numpy as np
import pytest
from django.urls import reverse

from cases.models import Condition
from cases.reading import reads
from cases.record import outcomes
from inference.models import Activation, ActivationKind, ModelState
from tests.cases.models import registered_model
from tests.cases.readings import predict
from tests.cast import make_image, waiting_case
from training.comparing import agreement

pytestmark = pytest.mark.django_db
CALM, URGENT = {"urgent": False}, {"urgent": True}


def said(code: str, *, urgent: bool = False) -> dict:
    return {"probabilities": [[code, 0.8], ["SEK", 0.2]], "urgent": urgent}


@pytest.fixture
def models(db):
    return registered_model(), registered_model(ModelState.SHADOW)


def both(case, models, active_says: dict, shadow_says: dict, **silent):
    active, shadow = models
    image = case.images.first()
    predict(image, active, **active_says)
    predict(image, shadow, silent=True, **{**shadow_says, **silent})


def sign(cast, case, code: str) -> None:
    reads.sign(
        case_id=case.id,
        reader=cast.doctor,
        read_id=uuid4(),
        condition=Condition.objects.get(code=code),
        certainty="certain",
        management="biopsy",
        ai_visible=False,
        newest_seen=None,
    )


def test_pairs_flags_and_kappa(alma, brno, models):
    for active_says, shadow_says in (
        (said("NEV"), said("NEV")),
        (said("NEV"), said("NEV")),
        (said("NEV"), said("MEL", urgent=True)),
        (said("MEL", urgent=True), said("MEL", urgent=True)),
        (said("BCC", urgent=True), said("NEV")),
    ):
        both(waiting_case(alma), models, active_says, shadow_says)
    both(waiting_case(brno), models, said("NEV"), said("NEV"))
    found = agreement.with_active(agreement.pairs_of(models[1], models[0], [alma.clinic.id]))
    assert (found.photos, found.patients) == (5, 5)
    assert (found.same_first.hits, found.same_first.n) == (3, 5)
    assert (found.both_urgent, found.gained, found.lost, found.neither_urgent) == (1, 1, 1, 2)
    # By hand: observed 3/5; expected (3·3 + 2·1 + 0·1)/25.
    assert found.kappa == pytest.approx((0.6 - 11 / 25) / (1 - 11 / 25))
    assert found.kappa_interval[0] < found.kappa < found.kappa_interval[1]


def test_only_what_both_were_told_alike_and_people_were_shown_counts(alma, models):
    active, shadow = models
    other_answers, removed, pending = (waiting_case(alma) for _number in range(3))
    both(other_answers, models, said("NEV"), said("NEV"), answers={"bled": True})
    both(removed, models, said("NEV"), said("NEV"))
    removed.images.update(removed_at=removed.waiting_since)
    predict(pending.images.get(), active)
    predict(pending.images.get(), shadow, silent=True, state="queued", finished_at=None, probabilities=None)
    predict(make_image(pending), active)
    found = agreement.with_active(agreement.pairs_of(shadow, active, [alma.clinic.id]))
    assert (found.photos, found.kappa, found.same_first.value) == (0, None, None)
    counted = type(shadow).objects.annotate(**agreement.progress(shadow.id, [alma.clinic.id])).get(id=shadow.id)
    assert (counted.silent_asked, counted.silent_pending, counted.silent_failed) == (True, 1, 0)


def test_beside_what_was_signed_and_what_the_biopsy_found(alma, models):
    cases = [waiting_case(alma) for _number in range(4)]
    both(cases[0], models, said("NEV"), said("MEL", urgent=True))
    both(cases[1], models, said("MEL", urgent=True), said("MEL", urgent=True))
    both(cases[2], models, said("NEV"), said("NEV"))
    both(cases[3], models, said("NEV"), said("NEV"))  # not signed
    for case, code in zip(cases, ("NEV", "MEL", "NEV"), strict=False):
        sign(alma, case, code)
    outcomes.record(
        case_id=cases[0].id,
        by=alma.doctor,
        condition=Condition.objects.get(code="MEL"),
        reported_on=cases[0].waiting_since.date(),
    )
    found = agreement.with_reads(agreement.pairs_of(models[1], models[0], [alma.clinic.id]))
    assert (found.photos, found.malignant) == (3, 2)
    assert (found.silent_right.hits, found.active_right.hits) == (3, 2)
    assert (found.silent_found.hits, found.active_found.hits) == (2, 1)


def test_who_promotes_sees_how_it_did_as_the_shadow(alma, models, sign_in):
    _active, shadow = models
    address = reverse("model_promote", args=[shadow.id])
    client = sign_in(alma.lead)
    assert "It was never the shadow" in client.get(address).content.decode()
    Activation.objects.create(model_version=shadow, kind=ActivationKind.SHADOW_ON, reason="Try it", by="Somebody")
    assert "has scored no photo of your clinics" in client.get(address).content.decode()
    case = waiting_case(alma)
    both(case, models, said("NEV"), said("MEL", urgent=True))
    sign(alma, case, "MEL")
    shown = client.get(address).content.decode()
    assert "never the shadow" not in shown
    assert "1 by it alone" in shown
    assert "Beside what was signed" in shown


def test_what_was_scored_again_is_no_time_as_the_shadow(alma, models, sign_in):
    both(waiting_case(alma), models, said("NEV"), said("NEV"))
    shown = sign_in(alma.lead).get(reverse("model_promote", args=[models[1].id])).content.decode()
    assert "It was never the shadow" in shown
    assert "What follows is of old cases" in shown
    assert "Same first condition" in shown


def test_kappa_where_chance_agrees_always():
    same = np.zeros(4, int)
    assert agreement.kappa(same, same) is None
    assert agreement.kappa(np.array([0, 1, 0, 1]), np.array([0, 1, 0, 1])) == 1
    assert agreement.kappa(np.array([0, 1]), np.array([1, 0])) == -1
