"""Practice cases: answers step by step, a scorecard for one pair of eyes, and no trace in any record."""

from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from cases.errors import Refused
from cases.figures import dashboard
from cases.figures.scope import Scope
from cases.models import (
    Case,
    Condition,
    Consent,
    FirstOpinion,
    LesionImage,
    PracticeCase,
    PracticeRead,
    Prediction,
    Read,
)
from cases.reading import practice
from cases.record import patients
from cases.vocabulary import conditions
from cases.worklist import tallies
from cases.worklist.filters import Filters
from inference.statistics import Share
from tests.cases.test_figures import judged
from tests.cast import Cast, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def drawn(alma, monkeypatch) -> list[PracticeCase]:
    conditions.load_vocabulary()
    monkeypatch.setattr(practice.drawing, "jpeg", lambda picture: picture)
    monkeypatch.setattr(practice.drawing, "draw", lambda code, seed, **size: f"{code}{seed}".encode())
    assert practice.add_drawn(alma.clinic, by=alma.lead, seen=0) == 6
    assert practice.add_drawn(alma.clinic, by=alma.lead, seen=0) == 0, "a double click adds one set"
    return list(PracticeCase.objects.filter(clinic=alma.clinic))


def condition(code: str) -> Condition:
    return Condition.objects.get(code=code)


def answer(case: PracticeCase, reader, first: str, final: str) -> PracticeRead:
    practice.commit(case, reader, condition(first))
    return practice.finish(case, reader, condition(final))


def biopsied(cast: Cast, **patient) -> Case:
    case = judged(cast, "MEL", biopsy="MEL", training_consent=Consent.GRANTED, **patient)
    image = case.images.get()
    image.derivative.save("images/drawn.jpg", ContentFile(f"pixels of {image.id}".encode()))
    return case


def test_scorecard_tells_who_was_led_astray(alma, drawn):
    wrong = [case for case in drawn if case.ai_is_wrong]
    right = [case for case in drawn if not case.ai_is_wrong]
    assert len(wrong) == 2
    answer(wrong[0], alma.doctor, wrong[0].answer_id, wrong[0].ai_says_id)  # followed it
    answer(wrong[1], alma.doctor, wrong[1].answer_id, wrong[1].answer_id)  # did not
    other = next(code for code in ("NEV", "MEL") if code != right[0].answer_id)
    answer(right[0], alma.doctor, other, right[0].answer_id)  # was helped
    card = practice.scorecard(alma.doctor, alma.clinic)
    assert card.right_alone == Share(2, 3)
    assert card.right_in_the_end == Share(2, 3)
    assert card.followed_wrong_ai == Share(1, 2)
    assert card.helped_by_ai == Share(1, 1)
    assert card.waiting == 3
    # Nobody else has a card from it, a lead neither.
    assert practice.scorecard(alma.lead, alma.clinic).reads == []


def test_answers_stay_and_the_next_one_goes_on_where_one_left(alma, drawn):
    case = drawn[2]
    with pytest.raises(Refused):
        practice.finish(case, alma.doctor, condition("NEV"))
    practice.commit(case, alma.doctor, condition("NEV"))
    assert practice.commit(case, alma.doctor, condition("MEL")).first_id == "NEV"
    assert practice.next_for(alma.doctor, alma.clinic) == case
    practice.finish(case, alma.doctor, condition("BCC"))
    assert practice.finish(case, alma.doctor, condition("MEL")).final_id == "BCC"
    assert practice.next_for(alma.doctor, alma.clinic) == drawn[0]
    practice.retire(drawn[0])
    assert practice.next_for(alma.doctor, alma.clinic) == drawn[1]
    with pytest.raises(Refused):
        practice.commit(drawn[0], alma.doctor, condition("NEV"))


def test_the_page_tells_each_thing_in_its_turn(alma, brno, drawn, sign_in):
    case = next(each for each in drawn if each.answer_id == "BCC")
    PracticeCase.objects.filter(id=case.id).update(ai_says=condition("KSA"), answer=condition("MCC"))
    client, address = sign_in(alma.doctor), reverse("practice_case", args=[case.id])

    def shown() -> tuple[bool, bool]:
        page = client.get(address).content.decode()
        # The list of all conditions stands in the form: what the page says is what is in bold.
        return (
            "<strong>Kaposi sarcoma</strong>" in page or "<dd>Kaposi sarcoma" in page,
            "Merkel cell carcinoma</strong>" in page,
        )

    assert shown() == (False, False)
    client.post(address, {"step": "first", "condition": "NEV"})
    assert shown() == (True, False)
    assert client.post(address, {"step": "final", "condition": ""}).status_code == 422
    client.post(address, {"step": "final", "condition": "MCC"})
    assert shown() == (True, True)
    home = client.get(reverse("practice")).content.decode()
    assert "1 of 1: too few to say" in home
    client = sign_in(brno.doctor)
    assert client.get(address).status_code == 404


def test_a_signed_case_lends_its_photo_and_nothing_else(alma, sign_in, tmp_path):
    case = biopsied(alma, family_name="Secretname")
    unwilling = judged(alma, "MEL", biopsy="MEL")
    client = sign_in(alma.lead)
    page = client.get(reverse("practice_manage")).content.decode()
    assert case.reference in page
    assert unwilling.reference not in page
    client.post(reverse("practice_add", args=[case.id]), {"ai": "wrong"})
    client.post(reverse("practice_add", args=[case.id]), {"ai": "wrong"})
    client.post(reverse("practice_add", args=[unwilling.id]), {"ai": "right"})
    copied = PracticeCase.objects.get()
    assert (copied.answer_id, copied.ai_says_id, copied.decade, copied.site) == ("MEL", "NEV", 60, "forearm")
    with copied.picture.open("rb") as file:
        assert file.read() == f"pixels of {case.images.get().id}".encode()
    assert copied.picture.name != case.images.get().derivative.name
    page = sign_in(alma.doctor).get(reverse("practice_case", args=[copied.id])).content.decode()
    assert "Secretname" not in page
    assert case.reference not in page
    assert str(case.id) not in page


@pytest.mark.django_db(transaction=True)
def test_a_copy_lasts_as_long_as_the_consent(alma, sign_in, tmp_path):
    case = biopsied(alma)
    copy = practice.add_from(case, by=alma.lead, ai_is_wrong=False)
    other = practice.add_from(biopsied(alma, mrn="B-2", family_name="Other"), by=alma.lead, ai_is_wrong=False)
    answer(copy, alma.doctor, "MEL", "MEL")
    client = sign_in(alma.doctor)
    assert client.get(reverse("practice_picture", args=[copy.id])).status_code == 200
    file = Path(copy.picture.path)

    patients.record_consent(case.lesion.patient, "training", Consent.REFUSED, alma.staff)

    copy.refresh_from_db()
    assert (copy.picture.name, bool(copy.retired_at), file.exists()) == ("", True, False)
    assert client.get(reverse("practice_picture", args=[copy.id])).status_code == 404
    assert "taken out" in client.get(reverse("practice_case", args=[copy.id])).content.decode()
    assert len(practice.scorecard(alma.doctor, alma.clinic).reads) == 1
    other.refresh_from_db()
    assert other.picture.name
    assert not other.retired_at

    # Consented again, it can be asked for again.
    patients.record_consent(case.lesion.patient, "training", Consent.GRANTED, alma.staff)
    assert practice.add_from(case, by=alma.lead, ai_is_wrong=False).id != copy.id


def test_no_trace_in_records_figures_or_counts(alma, drawn):
    judged(alma, "NEV")
    records = (Case, LesionImage, Prediction, Read, FirstOpinion)

    def state():
        scope = Scope.read({}, alma.lead, alma.clinic)
        figures = [vars(figure) for section in dashboard.Section for figure in dashboard.figures(scope, section)]
        tabs = [str(tally) for tally in tallies.count(alma.doctor, alma.clinic, tallies.of_tabs(Filters()))]
        return [record.objects.count() for record in records], str(figures), tabs

    before = state()
    for case in drawn:
        answer(case, alma.doctor, "NEV", "NEV")
    assert state() == before
    reader = make_person(alma.clinic, "doctor")
    assert practice.scorecard(reader, alma.clinic).waiting == 6


def test_practice_stands_in_the_rail_and_above_a_readers_worklist_and_never_in_it(alma, brno, drawn, sign_in):
    page = sign_in(alma.doctor).get(reverse("worklist"))
    assert page.context["practice"] == len(drawn)
    assert not page.context["page"].rows
    assert reverse("practice") in [entry.url for entry in page.context["nav"]]
    for person in (alma.staff, brno.doctor):
        page = sign_in(person).get(f"{reverse('worklist')}?tab=waiting")
        assert not page.context["practice"]
    assert reverse("practice") not in [entry.url for entry in sign_in(alma.staff).get("/worklist/").context["nav"]]
