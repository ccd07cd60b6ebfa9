"""The life of a case: every state x every action, numbers, double clicks."""

import threading
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from cases.errors import Refused
from cases.models import Case, CaseState, Lesion, Urgency
from cases.models.case import OPEN_STATES
from cases.photo import retakes
from cases.record import lifecycle
from tests.cast import make_case, make_image, make_patient, waiting_case

ACTIONS = {
    "change": lambda case: lifecycle.change(case.id, note="more"),
    "send": lambda case: lifecycle.send(case.id),
    "withdraw": lambda case: lifecycle.withdraw(case.id, "wrong patient"),
    "restore": lambda case: lifecycle.restore(case.id),
}
# state -> action -> the state it leads to; what is not here is refused.
MOVES = {
    CaseState.DRAFT: {"change": CaseState.DRAFT, "send": CaseState.WAITING, "withdraw": CaseState.WITHDRAWN},
    CaseState.WAITING: {"change": CaseState.WAITING, "send": CaseState.WAITING, "withdraw": CaseState.WITHDRAWN},
    # Without a new photo: "send" is refused, and tests/cases/test_photo_requests.py has what is allowed.
    CaseState.PHOTOS_WANTED: {"change": CaseState.PHOTOS_WANTED, "withdraw": CaseState.WITHDRAWN},
    CaseState.SIGNED: {},
    CaseState.WITHDRAWN: {"withdraw": CaseState.WITHDRAWN, "restore": CaseState.WAITING},
}


def case_in(cast, state: CaseState) -> Case:
    case = waiting_case(cast)
    if state == CaseState.DRAFT:
        Case.objects.filter(id=case.id).update(state=state, waiting_since=None)
    elif state == CaseState.SIGNED:
        Case.objects.filter(id=case.id).update(state=state, signed_at=case.waiting_since)
    elif state == CaseState.PHOTOS_WANTED:
        retakes.ask(case_id=case.id, by=cast.doctor, request_id=uuid4(), faults=["blurred"])
    elif state == CaseState.WITHDRAWN:
        lifecycle.withdraw(case.id, "logged twice")
    return case


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("state", CaseState)
def test_every_action_in_every_state(alma, state, action):
    case = case_in(alma, state)
    expected = MOVES[state].get(action)
    if expected is None:
        with pytest.raises(Refused):
            ACTIONS[action](case)
        case.refresh_from_db()
        assert case.state == state
    else:
        assert ACTIONS[action](case).state == expected
        case.refresh_from_db()
        assert case.state == expected


def test_open_as_property_and_as_filter_agree(alma):
    for state in CaseState:
        case_in(alma, state)
    by_property = {case.id for case in Case.objects.all() if case.is_open}
    assert by_property == set(Case.objects.filter(state__in=OPEN_STATES).values_list("id", flat=True))
    assert len(by_property) == 3


def test_a_withdrawn_draft_is_restored_as_a_draft(alma):
    case = make_case(alma)
    lifecycle.withdraw(case.id, "wrong lesion")
    assert lifecycle.restore(case.id).state == CaseState.DRAFT


def test_a_case_without_a_photo_cannot_be_sent(alma):
    case = make_case(alma)
    with pytest.raises(Refused, match="at least one photo") as refusal:
        lifecycle.send(case.id)
    assert refusal.value.code == "no_photo"
    make_image(case)
    assert lifecycle.send(case.id).state == CaseState.WAITING


def test_waiting_time_is_kept_through_a_withdrawal(alma):
    case = waiting_case(alma)
    lifecycle.withdraw(case.id, "by mistake")
    assert lifecycle.restore(case.id).waiting_since == case.waiting_since


def test_withdrawing_asks_for_a_reason(alma):
    with pytest.raises(Refused, match="why"):
        lifecycle.withdraw(waiting_case(alma).id, "  ")


def test_numbers_count_up_in_each_clinic(alma, brno):
    assert [make_case(alma).number, make_case(alma).number, make_case(brno).number] == [1, 2, 1]


def test_the_same_id_is_the_same_case(alma):
    case_id = uuid4()
    lesion = Lesion.objects.create(patient=make_patient(alma), body_site="back")
    first = lifecycle.log_case(lesion=lesion, by=alma.staff, case_id=case_id)
    again = lifecycle.log_case(lesion=lesion, by=alma.staff, case_id=case_id)
    assert first == again
    assert Case.objects.count() == 1


def test_an_id_of_another_lesion_is_refused(alma):
    taken = make_case(alma)
    lesion = Lesion.objects.create(patient=make_patient(alma), body_site="back")
    with pytest.raises(Refused) as refusal:
        lifecycle.log_case(lesion=lesion, by=alma.staff, case_id=taken.id)
    assert refusal.value.code == "id_taken"


def test_the_ai_raises_urgency_and_a_person_is_never_lowered(alma):
    case = make_case(alma, requested_urgency=Urgency.SOON)
    assert case.urgency == Urgency.SOON
    Case.objects.filter(id=case.id).update(flagged_by_ai=True)
    assert lifecycle.change(case.id, requested_urgency=Urgency.ROUTINE).urgency == Urgency.URGENT
    Case.objects.filter(id=case.id).update(flagged_by_ai=False)
    assert lifecycle.change(case.id, requested_urgency=Urgency.SOON).urgency == Urgency.SOON


def test_the_database_refuses_a_waiting_case_without_since_when(alma):
    case = make_case(alma)
    with pytest.raises(IntegrityError), transaction.atomic():
        Case.objects.filter(id=case.id).update(state=CaseState.WAITING)


@pytest.mark.django_db(transaction=True)
def test_two_people_log_at_once_and_get_two_numbers(alma):
    lesions = [Lesion.objects.create(patient=make_patient(alma), body_site="back") for _ in range(6)]
    start, failures = threading.Barrier(len(lesions)), []

    def log(lesion: Lesion) -> None:
        try:
            start.wait(timeout=10)
            lifecycle.log_case(lesion=lesion, by=alma.staff)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=log, args=[lesion]) for lesion in lesions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failures == []
    assert sorted(Case.objects.values_list("number", flat=True)) == [1, 2, 3, 4, 5, 6]
