"""An urgent opinion that comes after the case was signed is in front of somebody all the same."""

import io
from uuid import uuid4

import pytest
from django.core import mail
from django.db.models import QuerySet
from django.urls import reverse

from accounts.models import Membership
from cases.models import Case, CaseState, Condition, MailState, Notification, NotificationKind, Prediction, Urgency
from cases.notifications import inbox
from cases.notifications import mail as notification_mail
from cases.photo import intake
from cases.prediction import computing
from cases.reading import reads
from cases.record import lifecycle
from cases.worklist import second_looks
from inference import registry
from inference.models import ModelState, ModelVersion
from tests.cases.models import FakeEngine, registered_model
from tests.cases.readings import read_form
from tests.cast import make_case, make_person, photo

pytestmark = pytest.mark.django_db
LATE = NotificationKind.FLAGGED_LATE


@pytest.fixture(autouse=True)
def engine(monkeypatch) -> FakeEngine:
    fake = FakeEngine(first="MEL", urgent=True)
    monkeypatch.setattr(registry, "engine", lambda version: fake)
    return fake


@pytest.fixture
def version(db) -> ModelVersion:
    return registered_model()


@pytest.fixture
def pending(alma, version) -> Prediction:
    """Of a case that waits for a doctor."""
    case = make_case(alma)
    image = intake.accept(case, io.BytesIO(photo()), name="a.jpg", by=case.created_by)
    lifecycle.send(case.id)
    return image.predictions.get()


def sign(prediction: Prediction, reader):
    return reads.sign(
        case_id=prediction.image.case_id,
        reader=reader,
        read_id=uuid4(),
        condition=Condition.objects.get(code="NEV"),
        certainty="certain",
        management="discharge",
        ai_visible=False,
        newest_seen=None,
    )


def case_of(prediction: Prediction) -> Case:
    return Case.objects.get(id=prediction.image.case_id)


def told(person) -> list[Notification]:
    return list(inbox.listed(person).filter(kind=LATE))


def late_ones(cast) -> QuerySet[Case]:
    return second_looks.to_look_at(cast.lead, cast.clinic, late=True)


def test_it_is_listed_for_the_leads_and_told_to_who_signed(alma, brno, version, pending):
    other_doctor = make_person(alma.clinic, "doctor")
    sign(pending, alma.doctor)

    assert computing.run(pending.id)

    case = case_of(pending)
    # The flag says under what the reader signed.
    assert (case.state, case.flagged_by_ai, case.urgency) == (CaseState.SIGNED, False, Urgency.ROUTINE)
    assert list(late_ones(alma)) == [case]
    assert not second_looks.to_look_at(alma.lead, alma.clinic, late=False).exists()
    assert list(second_looks.newly_flagged(alma.lead, alma.clinic, version)) == [case]
    for person in (alma.doctor, alma.lead):
        (said,) = told(person)
        assert (said.case, said.in_app, said.mail_state) == (case, True, MailState.QUEUED)
    for person in (other_doctor, alma.staff, alma.admin, brno.lead, brno.doctor):
        assert told(person) == []


def test_its_mail_says_nothing_of_the_patient(alma, pending):
    sign(pending, alma.doctor)
    computing.run(pending.id)
    (said,) = told(alma.doctor)
    notification_mail.send_event(said.event)
    assert {sent.to[0] for sent in mail.outbox} == {alma.doctor.email, alma.lead.email}
    patient = pending.image.case.lesion.patient
    for sent in mail.outbox:
        assert "flags a case that was signed" in sent.subject
        for private in (patient.family_name, patient.given_name, patient.mrn, case_of(pending).reference):
            assert private not in f"{sent.subject} {sent.body}"


def test_the_line_leads_to_the_case(alma, pending, sign_in):
    sign(pending, alma.doctor)
    computing.run(pending.id)
    client = sign_in(alma.doctor)
    assert "The AI flags a case that was signed before" in client.get("/notifications/").content.decode()
    opened = client.get(reverse("notification_open", args=[told(alma.doctor)[0].id]))
    assert opened.url == reverse("case_detail", args=[pending.image.case_id])


def test_who_has_left_is_not_told(alma, pending):
    sign(pending, alma.doctor)
    Membership.objects.filter(user=alma.doctor).delete()
    computing.run(pending.id)
    assert list(Notification.objects.filter(kind=LATE).values_list("person", flat=True)) == [alma.lead.id]


def test_two_photos_of_one_case_are_told_once(alma, pending):
    case = case_of(pending)
    second = intake.accept(case, io.BytesIO(photo(seed=2)), name="b.jpg", by=case.created_by).predictions.get()
    sign(pending, alma.doctor)
    for prediction in (pending, second):
        assert computing.run(prediction.id)
    assert len(told(alma.doctor)) == len(told(alma.lead)) == 1


def test_a_case_that_was_signed_under_the_flag_is_no_news(alma, pending):
    case = case_of(pending)
    second = intake.accept(case, io.BytesIO(photo(seed=2)), name="b.jpg", by=case.created_by).predictions.get()
    computing.run(pending.id)
    sign(pending, alma.doctor)
    computing.run(second.id)
    assert not Notification.objects.filter(kind=LATE).exists()
    assert not late_ones(alma).exists()


def test_a_second_look_settles_it_for_all(alma, version, pending):
    sign(pending, alma.doctor)
    computing.run(pending.id)
    second_looks.look_at(case_of(pending), version, alma.lead)
    assert not late_ones(alma).exists()
    for person in (alma.doctor, alma.lead):
        (said,) = told(person)
        assert (said.is_new, said.mail_state) == (False, MailState.NONE)


def test_that_of_a_model_that_was_retired_meanwhile_is_listed_until_somebody_looked(alma, version, pending, sign_in):
    sign(pending, alma.doctor)
    ModelVersion.objects.filter(id=version.id).update(state=ModelState.RETIRED)
    registered_model()
    assert computing.run(pending.id)
    case, client = case_of(pending), sign_in(alma.lead)
    assert told(alma.lead)
    assert list(late_ones(alma)) == [case]
    start = client.get(reverse("home")).content.decode()
    assert "signed case that the AI called urgent too late" in start
    assert "newer model" not in start  # this one is retired
    listed = reverse("rescored_cases", args=[version.id])
    assert client.get(reverse("rescored_newest"), {"late": "1"}).url == listed
    assert client.get(reverse("rescored_newest")).url == reverse("model_list")
    assert case.reference in client.get(listed).content.decode()

    client.post(reverse("rescored_look", args=[version.id, case.id]))
    assert not late_ones(alma).exists()
    assert [said.is_new for said in told(alma.lead)] == [False]


def test_what_a_retired_model_said_on_trial_only_wants_no_look(alma, version, pending):
    sign(pending, alma.doctor)
    Prediction.every.filter(id=pending.id).update(silent=True)
    ModelVersion.objects.filter(id=version.id).update(state=ModelState.RETIRED)
    assert computing.run(pending.id)
    assert Prediction.every.get(id=pending.id).urgent
    assert not any(second_looks.to_look_at(alma.lead, alma.clinic, late=late).exists() for late in (True, False))


def test_a_signature_that_is_taken_back_makes_it_a_flag(alma, pending):
    read = sign(pending, alma.doctor)
    computing.run(pending.id)
    reads.take_back(read.id, alma.doctor)
    case = case_of(pending)
    assert (case.state, case.flagged_by_ai, case.urgency) == (CaseState.WAITING, True, Urgency.URGENT)
    assert not Notification.objects.filter(kind=LATE).exists()
    assert Notification.objects.filter(kind=NotificationKind.URGENT_WAITING, person=alma.doctor).exists()


def test_a_signature_that_is_taken_back_without_one_raises_no_flag(alma, pending, engine):
    engine.look["urgent"] = False
    read = sign(pending, alma.doctor)
    computing.run(pending.id)
    reads.take_back(read.id, alma.doctor)
    assert (case_of(pending).flagged_by_ai, case_of(pending).urgency) == (False, Urgency.ROUTINE)


def test_a_withdrawn_case_is_flagged_for_when_it_is_restored(alma, pending):
    lifecycle.withdraw(pending.image.case_id, "Wrong patient.")
    computing.run(pending.id)
    lifecycle.restore(pending.image.case_id)
    assert (case_of(pending).flagged_by_ai, case_of(pending).urgency) == (True, Urgency.URGENT)


def test_a_discharge_that_is_signed_after_it_is_asked_about(alma, pending, sign_in):
    read = sign(pending, alma.doctor)
    computing.run(pending.id)
    address = reverse("read_sign", args=[pending.image.case_id])
    asked = sign_in(alma.doctor).post(address, read_form(management="discharge", newest_seen=str(read.id)))
    assert asked.status_code == 422
    assert "The AI flagged this case as urgent, and you chose discharge." in asked.content.decode()
