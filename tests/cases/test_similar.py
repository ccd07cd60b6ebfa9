"""Look-alikes: the nearest signed cases of one clinic, and never another clinic's, patient's or hidden opinion's."""

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from cases.models import Case, Condition, Consent, Prediction, Read
from cases.prediction import opinions
from cases.reading import labels, similar
from cases.record import outcomes
from tests.cases.readings import QUEUED, make_version, predict
from tests.cases.test_rescoring import signed_case
from tests.cast import Cast, make_patient, waiting_case

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forgotten():
    similar.forget()
    yield
    similar.forget()


def features(degrees: float) -> bytes:
    """Two features, as a direction."""
    angle = np.deg2rad(degrees)
    return np.array([np.cos(angle), np.sin(angle)], np.float16).tobytes()


def signed(cast: Cast, degrees: float, first: str = "NEV", **fields) -> Case:
    """Signed as a nevus; the AI said `first`."""
    case = signed_case(cast, **fields)
    predict(case.images.get(), embedding=features(degrees), probabilities=[[first, 0.8]])
    return case


def asked(cast: Cast, degrees: float = 0, **fields) -> tuple[Case, Prediction]:
    case = waiting_case(cast, **fields)
    return case, predict(case.images.get(), embedding=features(degrees))


def found(person, case: Case, prediction: Prediction) -> similar.LookAlikes:
    return similar.look_alikes(person, case, prediction, opinions.condition_names())


def test_nearest_first_with_what_the_ai_said_of_each(alma):
    far, near = signed(alma, 80), signed(alma, 10, first="MEL")
    case, prediction = asked(alma)
    look_alikes = found(alma.doctor, case, prediction)
    assert [each.case for each in look_alikes.found] == [near, far]
    assert look_alikes.found[0].similarity == pytest.approx(np.cos(np.deg2rad(10)), abs=1e-3)
    assert [each.ai_was_right for each in look_alikes.found] == [False, True]
    assert look_alikes.wrong == 1
    # A biopsy outranks the read: now the AI was right about it.
    melanoma = Condition.objects.get(code="MEL")
    outcomes.record(case_id=near.id, by=alma.doctor, condition=melanoma, reported_on=timezone.localdate())
    assert labels.of_cases([near.id])[near.id] == labels.CaseLabel("MEL", labels.LabelSource.BIOPSY, "Melanoma", True)
    assert found(alma.doctor, case, prediction).wrong == 0


def test_another_clinic_never_even_for_who_works_in_both(alma, brno):
    from accounts.models import Membership

    foreign = signed(brno, 0)
    mine = signed(alma, 90)
    case, prediction = asked(alma)
    assert [each.case for each in found(alma.doctor, case, prediction).found] == [mine]
    Membership.objects.create(user=alma.doctor, clinic=brno.clinic, role="doctor")
    del alma.doctor.held_memberships
    assert [each.case for each in found(alma.doctor, case, prediction).found] == [mine]
    # Whoever sees nothing of the clinic gets nothing, whatever lies in memory.
    assert found(brno.doctor, case, prediction).found == ()
    there, theirs = asked(brno)
    assert [each.case for each in found(brno.doctor, there, theirs).found] == [foreign]


def test_who_is_left_out(alma):
    """The same patient, unsigned cases, removed photos, consent taken back, silent opinions, other models."""
    patient = make_patient(alma)
    signed(alma, 0, patient=patient)
    asked(alma, 1)
    removed, unwilling, silent, other_model = (signed(alma, 2 + n) for n in range(4))
    Prediction.every.filter(image__case=silent).update(silent=True)
    Prediction.every.filter(image__case=other_model).update(model_version=make_version("older", "retired"))
    kept = signed(alma, 60)
    case, prediction = asked(alma, patient=patient)
    # Known to the matrix by now; taken away afterwards.
    assert {each.case for each in found(alma.doctor, case, prediction).found} == {removed, unwilling, kept}
    removed.images.update(removed_at=timezone.now())
    type(patient).objects.filter(lesions__cases=unwilling).update(ai_consent=Consent.REFUSED)
    assert [each.case for each in found(alma.doctor, case, prediction).found] == [kept]


def test_after_a_promotion_the_silent_features_find_them_and_the_shown_opinion_is_told(alma, sign_in):
    """What the new version said of signed cases is silent; what people were shown of them came from the one before."""
    older, newer = make_version("older", "retired"), make_version("newer")
    near, far = signed_case(alma), signed_case(alma)
    for case, degrees in ((near, 5), (far, 50)):
        photo = case.images.get()
        predict(photo, older, probabilities=[["MEL", 0.7]])
        predict(photo, newer, embedding=features(degrees), probabilities=[["NEV", 0.9]], silent=True)
    case = waiting_case(alma)
    prediction = predict(case.images.get(), newer, embedding=features(0))
    look_alikes = found(alma.doctor, case, prediction)
    assert [(each.case, each.ai_code, each.ai_probability) for each in look_alikes.found] == [
        (near, "MEL", 0.7),
        (far, "MEL", 0.7),
    ]
    # A version that has read none of them says so, and does not say that there are none.
    Prediction.every.filter(silent=True).delete()
    similar.forget()
    assert found(alma.doctor, case, prediction).has_read_none
    page = sign_in(alma.doctor).get(reverse("case_similar", args=[case.id])).content.decode()
    assert "No signed photo has been read by newer yet." in page


def test_nobody_was_wrong_where_it_is_not_settled_what_it_was(alma, sign_in):
    signed(alma, 10, first="MEL")
    disputed = signed(alma, 20, first="MEL")
    other = {"condition_id": "BCC", "certainty": "certain", "management": "biopsy", "ai_visible": False}
    Read.objects.create(case=disputed, reader=alma.lead, kind="second", **other)
    case, prediction = asked(alma)
    look_alikes = found(alma.doctor, case, prediction)
    assert [each.is_settled for each in look_alikes.found] == [True, False]
    assert (look_alikes.wrong, look_alikes.unsettled) == (1, 1)
    page = " ".join(sign_in(alma.doctor).get(reverse("case_similar", args=[case.id])).content.decode().split())
    assert "Of 1 look-alike signed here, the AI was wrong in 1." in page
    assert "1 is not counted: its readers disagree" in page


def test_grows_by_what_was_signed_since_and_stays_within_its_limit(alma, monkeypatch, django_assert_num_queries):
    first = signed(alma, 30)
    case, prediction = asked(alma)
    assert len(found(alma.doctor, case, prediction).found) == 1
    later = signed(alma, 20)
    names = opinions.condition_names()
    with django_assert_num_queries(3):  # what is new, who may be shown, and their labels
        look_alikes = similar.look_alikes(alma.doctor, case, prediction, names)
    assert [each.case for each in look_alikes.found] == [later, first]
    monkeypatch.setattr(similar, "MOST_PHOTOS", 2)
    newest = signed(alma, 40)
    assert [each.case for each in found(alma.doctor, case, prediction).found] == [later, newest]
    monkeypatch.setattr(similar, "MOST_MATRICES", 1)
    similar._matrix(alma.clinic.id, make_version("older", "retired").id)
    assert len(similar._matrices) == 1


def test_one_a_lesion_and_no_more_than_nine(alma):
    for number in range(11):
        signed(alma, number)
    case, prediction = asked(alma)
    look_alikes = found(alma.doctor, case, prediction)
    assert len(look_alikes.found) == similar.SHOWN
    visit = look_alikes.found[3].case
    again = signed(alma, 0)
    Case.objects.filter(id=again.id).update(lesion=visit.lesion)
    similar.forget()
    assert visit not in {each.case for each in found(alma.doctor, case, prediction).found}


def test_panel_is_empty_until_the_opinion_shows(alma, sign_in):
    signed(alma, 5, first="MEL")
    case, prediction = asked(alma)
    client, address = sign_in(alma.doctor), reverse("case_similar", args=[case.id])
    text = client.get(address).content.decode()
    assert "Of 1 look-alike signed here, the AI was wrong in 1." in " ".join(text.split())
    Prediction.objects.filter(id=prediction.id).update(**QUEUED)
    assert b"Look-alikes" not in client.get(address).content
    assert "HX-Trigger" not in client.get(reverse("case_opinion", args=[case.id])).headers
    predict(case.images.get(), embedding=None)
    assert b"No case that looks alike" in client.get(address).content
    assert client.get(reverse("case_opinion", args=[case.id])).headers["HX-Trigger"] == "opinion-shown"
