"""Signing: the states, the conflicts, the races, and that nothing signed is ever changed."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from cases import access
from cases.errors import Conflict, Refused
from cases.models import CaseState, Condition, Prediction, PredictionState, Read
from cases.models.judgement import AppendOnlyError
from cases.photo import retakes
from cases.prediction import asking
from cases.reading import reads
from cases.record import lifecycle, outcomes
from inference.models import ModelState, ModelVersion
from tests.cast import make_case, make_image, waiting_case


def opinion(**changes):
    """The arguments of a plain read: a nevus, certain, discharged, nothing seen before."""
    return {
        "read_id": uuid4(),
        "condition": Condition.objects.get(code="NEV"),
        "certainty": "certain",
        "management": "discharge",
        "ai_visible": False,
        "newest_seen": None,
        **changes,
    }


def done_prediction(case, **fields) -> Prediction:
    version, _ = ModelVersion.objects.get_or_create(
        name="lite0",
        defaults={"path": "none", "sha256": "0" * 64, "classes": ["NEV", "MEL"], "state": ModelState.ACTIVE},
    )
    return Prediction.objects.create(
        image=case.images.first() or make_image(case),
        model_version=version,
        **{
            "state": PredictionState.DONE,
            "finished_at": timezone.now(),
            "probabilities": [["NEV", 0.9], ["MEL", 0.1]],
            "answer_set": ["NEV"],
            "malignant_probability": 0.1,
            **fields,
        },
    )


@pytest.fixture
def case(alma):
    return waiting_case(alma)


def test_signing_signs_the_case_and_keeps_what_was_seen(alma, case):
    prediction = done_prediction(case)

    read = reads.sign(
        case_id=case.id,
        reader=alma.doctor,
        **opinion(
            prediction=prediction, prediction_finished_at=prediction.finished_at, ai_visible=True, comment=" ok "
        ),
    )

    case.refresh_from_db()
    assert (case.state, case.signed_at) == (CaseState.SIGNED, read.signed_at)
    assert read.prediction == prediction
    assert read.agrees_with_ai is True
    assert read.comment == "ok"


def test_a_hidden_opinion_is_not_recorded_as_seen(alma, case):
    read = reads.sign(
        case_id=case.id, reader=alma.doctor, **opinion(prediction=done_prediction(case), ai_visible=False)
    )

    assert read.prediction is None
    assert read.agrees_with_ai is None


# --- Every state and every action ----------------------------------------------------------------------


def _in_state(alma, state):
    case = make_case(alma)
    make_image(case)
    if state != CaseState.DRAFT:
        lifecycle.send(case.id)
    if state == CaseState.WITHDRAWN:
        lifecycle.withdraw(case.id, "sent twice")
    if state == CaseState.PHOTOS_WANTED:
        retakes.ask(case_id=case.id, by=alma.doctor, request_id=uuid4(), faults=["dark"])
    if state == CaseState.SIGNED:
        reads.sign(case_id=case.id, reader=alma.doctor, **opinion())
    case.refresh_from_db()
    return case


ACTIONS = {
    "change": lambda alma, case: lifecycle.change(case.id, note="new"),
    "send": lambda alma, case: lifecycle.send(case.id),
    "withdraw": lambda alma, case: lifecycle.withdraw(case.id, "twice"),
    "restore": lambda alma, case: lifecycle.restore(case.id),
    "sign": lambda alma, case: reads.sign(
        case_id=case.id, reader=alma.lead, **opinion(newest_seen=getattr(reads.newest(case), "id", None))
    ),
    "outcome": lambda alma, case: outcomes.record(
        case_id=case.id, by=alma.doctor, condition=Condition.objects.get(code="NEV"), reported_on=timezone.localdate()
    ),
}
# What each action leaves the case in; None: refused, and the case stays as it was.
LEADS_TO = {
    CaseState.DRAFT: {"change": "draft", "send": "waiting", "withdraw": "withdrawn"},
    CaseState.WAITING: {"change": "waiting", "send": "waiting", "withdraw": "withdrawn", "sign": "signed"},
    CaseState.PHOTOS_WANTED: {"change": "photos", "withdraw": "withdrawn"},
    CaseState.SIGNED: {"sign": "signed", "outcome": "signed"},
    CaseState.WITHDRAWN: {"withdraw": "withdrawn", "restore": "waiting"},
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("state", CaseState.values)
def test_every_action_in_every_state(alma, state, action):
    case = _in_state(alma, state)
    assert case.state == state
    expected = LEADS_TO[CaseState(state)].get(action)

    if expected:
        ACTIONS[action](alma, case)
    else:
        with pytest.raises(Refused):
            ACTIONS[action](alma, case)

    case.refresh_from_db()
    assert case.state == (expected or state)


# --- Corrections and conflicts --------------------------------------------------------------------------


def test_a_correction_is_a_new_read_and_both_stay(alma, case):
    first = reads.sign(case_id=case.id, reader=alma.doctor, **opinion())
    mel = Condition.objects.get(code="MEL")

    second = reads.sign(
        case_id=case.id,
        reader=alma.doctor,
        **opinion(condition=mel, management="urgent_referral", newest_seen=first.id),
    )

    assert second.corrects == first
    assert list(reads.history(case)) == [first, second]
    assert Read.objects.get(id=first.id).condition_id == "NEV"
    case.refresh_from_db()
    assert case.signed_at == first.signed_at


def test_another_readers_read_corrects_nobody(alma, case):
    first = reads.sign(case_id=case.id, reader=alma.doctor, **opinion())

    second = reads.sign(case_id=case.id, reader=alma.lead, **opinion(newest_seen=first.id))

    assert second.corrects is None
    assert not hasattr(Read.objects.get(id=first.id), "corrected_by")


def test_a_read_signed_since_is_a_conflict(alma, case):
    first = reads.sign(case_id=case.id, reader=alma.lead, **opinion())

    with pytest.raises(reads.ReadConflict) as conflict:
        reads.sign(case_id=case.id, reader=alma.doctor, **opinion())

    assert conflict.value.newest == first
    assert alma.lead.name in str(conflict.value)
    assert case.reads.count() == 1


def test_the_newest_read_does_not_depend_on_a_servers_clock(alma, case, monkeypatch):
    first = reads.sign(case_id=case.id, reader=alma.doctor, **opinion())
    behind = first.signed_at - timedelta(seconds=3)
    monkeypatch.setattr(reads.timezone, "now", lambda: behind)

    second = reads.sign(case_id=case.id, reader=alma.lead, **opinion(newest_seen=first.id))

    assert reads.newest(case) == second
    assert second.signed_at > first.signed_at


def test_the_same_request_twice_is_one_read(alma, case):
    request = opinion()

    first = reads.sign(case_id=case.id, reader=alma.doctor, **request)
    again = reads.sign(case_id=case.id, reader=alma.doctor, **request)

    assert again == first
    assert case.reads.count() == 1


def test_a_changed_opinion_under_the_same_id_is_not_taken_for_a_repetition(alma, case):
    """The browser's Back button brings the old form, with its old id."""
    request = opinion()
    reads.sign(case_id=case.id, reader=alma.doctor, **request)

    with pytest.raises(reads.ReadConflict):
        reads.sign(case_id=case.id, reader=alma.doctor, **{**request, "management": "biopsy"})


def test_an_id_taken_in_another_case_is_refused(alma, case):
    taken = reads.sign(case_id=waiting_case(alma).id, reader=alma.doctor, **opinion())

    with pytest.raises(Refused):
        reads.sign(case_id=case.id, reader=alma.doctor, **opinion(read_id=taken.id))


def test_an_opinion_computed_again_since_is_a_conflict(alma, case):
    prediction = done_prediction(case)
    seen_at = prediction.finished_at
    lifecycle.change(case.id, bled="yes")
    Prediction.objects.filter(id=prediction.id).update(
        state=PredictionState.DONE, finished_at=timezone.now() + timedelta(seconds=1)
    )

    with pytest.raises(reads.OpinionChanged):
        reads.sign(
            case_id=case.id,
            reader=alma.doctor,
            **opinion(prediction=prediction, prediction_finished_at=seen_at, ai_visible=True),
        )


def test_an_opinion_that_is_being_computed_cannot_have_been_seen(alma, case):
    prediction = done_prediction(case)
    asking.answers_changed(case)

    with pytest.raises(reads.OpinionChanged):
        reads.sign(case_id=case.id, reader=alma.doctor, **opinion(prediction=prediction, ai_visible=True))


def test_an_opinion_of_another_case_is_refused(alma, case):
    foreign = done_prediction(waiting_case(alma))

    with pytest.raises(Refused) as refusal:
        reads.sign(case_id=case.id, reader=alma.doctor, **opinion(prediction=foreign, ai_visible=True))
    assert refusal.value.code == "wrong_prediction"


def test_a_condition_that_was_switched_off_is_refused(alma, case):
    Condition.objects.filter(code="NEV").update(is_offered=False)

    with pytest.raises(Refused):
        reads.sign(case_id=case.id, reader=alma.doctor, **opinion())


@pytest.mark.parametrize(
    ("code", "management", "flagged", "expected"),
    [
        ("MEL", "discharge", False, "malignant"),
        ("NEV", "discharge", True, "flagged"),
        ("NEV", "discharge", False, None),
        ("MEL", "biopsy", True, None),
        ("OTH", "discharge", False, None),
    ],
)
def test_when_a_discharge_is_asked_about(alma, case, code, management, flagged, expected):
    case.flagged_by_ai = flagged
    condition = Condition.objects.get(code=code)

    assert reads.doubt(alma.doctor, case, condition, management) == expected


# --- Who --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["staff", "doctor", "lead", "admin", "integration"])
def test_who_may_sign(alma, brno, case, role):
    def sign_as(person):
        return reads.sign(case_id=case.id, reader=person, **opinion())

    with pytest.raises(Refused):
        sign_as(brno.role(role))
    if role in ("doctor", "lead"):
        assert sign_as(alma.role(role)).reader == alma.role(role)
    else:
        with pytest.raises(Refused):
            sign_as(alma.role(role))


def test_reads_are_seen_in_their_clinic_only(alma, brno, case):
    read = reads.sign(case_id=case.id, reader=alma.doctor, **opinion())

    assert access.reads(alma.staff).get() == read
    assert not access.reads(brno.lead).exists()


# --- Append-only --------------------------------------------------------------------------------------------


@pytest.fixture
def read(alma, case):
    return reads.sign(case_id=case.id, reader=alma.doctor, **opinion())


def test_the_model_refuses_change_and_deletion(read):
    read.comment = "changed"
    for attempt in (
        read.save,
        read.delete,
        lambda: Read.objects.update(comment="x"),
        lambda: Read.objects.filter(id=read.id).delete(),
        lambda: Read.objects.bulk_update([read], ["comment"]),
        lambda: Read.objects.update_or_create(id=read.id, defaults={"comment": "x"}),
    ):
        with pytest.raises(AppendOnlyError), transaction.atomic():
            attempt()
    assert Read.objects.get().comment == ""


def test_the_database_refuses_an_update_that_goes_around_the_model(read):
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE cases_read SET comment = 'x'")
    assert Read.objects.get().comment == ""


def test_a_signed_case_cannot_be_deleted_with_its_reads(read, case):
    with pytest.raises((AppendOnlyError, DatabaseError)), transaction.atomic():
        case.delete()
    assert Read.objects.count() == 1


# --- Races, with real threads and connections ---------------------------------------------------------------


def _at_once(*calls):
    """Runs the calls at the same moment, each with its own connection; returns their results or exceptions."""
    start, results = threading.Barrier(len(calls)), [None] * len(calls)

    def run(position, call):
        try:
            start.wait(10)
            results[position] = call()
        except Exception as error:  # whatever it is, the test looks at it
            results[position] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.mark.django_db(transaction=True)
def test_two_doctors_who_sign_at_once_never_overwrite_each_other(alma, case):
    opinions = [opinion(), opinion()]

    results = _at_once(
        lambda: reads.sign(case_id=case.id, reader=alma.doctor, **opinions[0]),
        lambda: reads.sign(case_id=case.id, reader=alma.lead, **opinions[1]),
    )

    signed = [result for result in results if isinstance(result, Read)]
    told = [result for result in results if isinstance(result, reads.ReadConflict)]
    assert (len(signed), len(told)) == (1, 1), results
    assert told[0].newest == signed[0]
    assert list(case.reads.all()) == signed


@pytest.mark.django_db(transaction=True)
def test_a_double_click_is_one_read(alma, case):
    request = opinion()

    results = _at_once(*[lambda: reads.sign(case_id=case.id, reader=alma.doctor, **request)] * 3)

    assert {getattr(result, "id", result) for result in results} == {request["read_id"]}
    assert case.reads.count() == 1


@pytest.mark.django_db(transaction=True)
def test_withdrawing_and_signing_at_once_leaves_one_of_both(alma, case):
    request = opinion()

    results = _at_once(
        lambda: reads.sign(case_id=case.id, reader=alma.doctor, **request),
        lambda: lifecycle.withdraw(case.id, "twice"),
    )

    refused = [result for result in results if isinstance(result, Refused)]
    assert len(refused) == 1, results
    case.refresh_from_db()
    assert (case.state == CaseState.SIGNED) == case.reads.exists()


# --- Outcomes -------------------------------------------------------------------------------------------------


def test_an_outcome_is_recorded_and_corrected_openly(alma, case, read):
    today = timezone.localdate()
    first = outcomes.record(case_id=case.id, by=alma.doctor, condition=read.condition, reported_on=today)
    seen = first.recorded_at
    mel = Condition.objects.get(code="MEL")

    with pytest.raises(Conflict):
        outcomes.record(case_id=case.id, by=alma.lead, condition=mel, reported_on=today)
    second = outcomes.record(case_id=case.id, by=alma.lead, condition=mel, reported_on=today, replaces=seen)

    assert second.id == first.id
    assert (second.condition_id, second.recorded_by) == ("MEL", alma.lead)


def test_the_same_outcome_twice_is_one(alma, case, read):
    arguments = {"condition": read.condition, "reported_on": timezone.localdate(), "pathology_reference": "H-1"}

    first = outcomes.record(case_id=case.id, by=alma.doctor, **arguments)
    again = outcomes.record(case_id=case.id, by=alma.doctor, **arguments)

    assert again.recorded_at == first.recorded_at


def test_an_outcome_from_the_future_is_refused(alma, case, read):
    with pytest.raises(Refused):
        outcomes.record(
            case_id=case.id,
            by=alma.doctor,
            condition=read.condition,
            reported_on=timezone.localdate() + timedelta(days=1),
        )


@pytest.mark.parametrize("role", ["staff", "admin", "integration"])
def test_who_may_not_record_outcomes(alma, brno, case, read, role):
    for person in (alma.role(role), brno.doctor):
        with pytest.raises(Refused):
            outcomes.record(case_id=case.id, by=person, condition=read.condition, reported_on=timezone.localdate())
