"""That a signed case is in question, as the API shows it and finds by it."""

import pytest
from django.utils import timezone

from accounts.roles import Role
from cases.models import Case, CaseState
from tests.api.test_record import V1
from tests.cases.test_second_reads import sign
from tests.cast import make_clinic, make_person, waiting_case


@pytest.fixture
def double(db):
    """A clinic that has every case read twice, with a second and a third doctor."""
    cast = make_clinic("Double", second_read_all=True)
    cast.other, cast.third = (make_person(cast.clinic, Role.DOCTOR) for _each in range(2))
    return cast


@pytest.fixture
def questioned(double) -> Case:
    """Two readers agreed, and the first one has corrected theirs."""
    case = waiting_case(double)
    for reader, code in ((double.doctor, "MEL"), (double.other, "MEL"), (double.doctor, "NEV")):
        sign(case, reader, code)
    assert case.questioned_at
    return case


def told(client, case):
    """What the record, and the list, say of the case."""
    listed = client.get(f"{V1}/cases/?lesion={case.lesion_id}").json()["results"]
    shown = [each["questioned_at"] for each in [client.get(f"{V1}/cases/{case.id}/").json(), *listed]]
    assert shown[0] == shown[1]
    return shown[0]


def found(client, word) -> set[str]:
    answer = client.get(f"{V1}/cases/?in_question={word}")
    assert answer.status_code == 200, answer.content
    return {each["id"] for each in answer.json()["results"]}


def test_it_is_shown_and_found_until_it_is_settled(double, questioned, api):
    waiting = waiting_case(double)
    for person in (double.staff, double.third, double.lead, double.integration):
        client = api(person)
        assert told(client, questioned)
        assert told(client, waiting) is None
        assert (found(client, "true"), found(client, "false")) == ({str(questioned.id)}, {str(waiting.id)})
        assert found(client, "") == {str(questioned.id), str(waiting.id)}
    sign(questioned, double.lead, "MEL")
    client = api(double.staff)
    assert told(client, questioned) is None
    assert (found(client, "true"), len(found(client, "false"))) == (set(), 2)


def test_nobody_writes_it(double, questioned, api):
    since = questioned.questioned_at
    api(double.lead).patch(f"{V1}/cases/{questioned.id}/", {"questioned_at": None}, format="json")
    questioned.refresh_from_db()
    assert questioned.questioned_at == since


def test_another_clinic_finds_none(questioned, brno, api):
    assert (found(api(brno.lead), "true"), found(api(brno.lead), "false")) == (set(), set())


def test_to_a_blind_reader_a_case_is_the_same_whatever_it_holds(double, api):
    """By the rule of the reads, and not because a case that waits is never in question."""
    case = waiting_case(double)
    sign(case, double.doctor, "MEL")
    client, address = api(double.other), f"{V1}/cases/{case.id}/"
    before = client.get(address)
    Case.objects.filter(id=case.id).update(questioned_at=timezone.now())
    after = client.get(address)
    assert (after.json(), after["ETag"]) == (before.json(), before["ETag"])
    assert (found(client, "true"), found(client, "false")) == (set(), {str(case.id)})
    assert told(api(double.staff), case)


def test_a_list_of_many_takes_no_more_queries(double, api, django_assert_max_num_queries):
    cases = [waiting_case(double) for _each in range(8)]
    now = timezone.now()
    Case.objects.filter(id__in=[case.id for case in cases]).update(
        state=CaseState.SIGNED, signed_at=now, questioned_at=now
    )
    client = api(double.third)
    client.get(f"{V1}/me/")
    with django_assert_max_num_queries(6):
        assert len(found(client, "true")) == 8
