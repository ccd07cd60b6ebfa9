"""Two readers of one case: when a clinic wants them, agreement, arbitration, corrections, and undo within seconds."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Membership
from accounts.roles import Role
from cases import access, blinding
from cases.errors import Refused
from cases.models import Case, CaseState, Condition, Read, ReadDraft, ReadKind, ReadStage, Urgency
from cases.reading import reads
from cases.reading.second_reads import Reason, drawn
from cases.record import lifecycle
from tests.cases.readings import opinion_on
from tests.cast import make_clinic, make_person, waiting_case


@pytest.fixture
def double(db):
    """A clinic that wants two readers for every case, with a second doctor as `.other`."""
    cast = make_clinic("Double", second_read_all=True)
    cast.other = make_person(cast.clinic, Role.DOCTOR)
    return cast


def sign(case, reader, code="NEV", *, kind=None, **fields):
    last = reads.newest(case)
    read = reads.sign(
        case_id=case.id,
        reader=reader,
        **{
            "read_id": uuid4(),
            "condition": Condition.objects.get(code=code),
            "certainty": "certain",
            "management": "follow_up",
            "ai_visible": False,
            "newest_seen": last.id if last else None,
            **fields,
        },
    )
    case.refresh_from_db()
    if kind:
        assert read.kind == kind
    return read


def test_two_who_agree_sign_the_case(double):
    case = waiting_case(double)
    sign(case, double.doctor, kind=ReadKind.FIRST)
    assert (case.state, case.read_stage, case.second_read_reason) == ("waiting", "second", Reason.ALL)
    second = sign(case, double.other, kind=ReadKind.SECOND)
    assert (case.state, case.signed_at) == (CaseState.SIGNED, second.signed_at)


def test_two_who_disagree_wait_for_a_lead(double):
    case = waiting_case(double)
    sign(case, double.doctor, "NEV")
    sign(case, double.other, "MEL")
    assert (case.state, case.read_stage) == ("waiting", ReadStage.ARBITRATION)
    third = make_person(double.clinic, Role.DOCTOR)
    with pytest.raises(Refused, match="A lead decides"):
        sign(case, third)
    sign(case, double.lead, "MEL", kind=ReadKind.ARBITRATION)
    assert case.state == CaseState.SIGNED


def test_the_same_condition_but_one_sends_the_patient_home_is_a_disagreement(double):
    case = waiting_case(double)
    sign(case, double.doctor, management="discharge")
    sign(case, double.other, management="biopsy")
    assert case.read_stage == ReadStage.ARBITRATION


def test_a_correction_can_end_a_disagreement_but_not_replace_the_second_read(double):
    case = waiting_case(double)
    sign(case, double.doctor, "NEV")
    sign(case, double.doctor, "MEL", kind=ReadKind.CORRECTION)
    assert case.read_stage == ReadStage.SECOND
    sign(case, double.other, "NEV")
    assert case.read_stage == ReadStage.ARBITRATION
    sign(case, double.other, "MEL", kind=ReadKind.CORRECTION)
    assert case.state == CaseState.SIGNED


def test_the_only_lead_settles_even_as_one_of_the_two(double):
    case = waiting_case(double)
    sign(case, double.lead, "NEV")
    sign(case, double.other, "MEL")
    sign(case, double.lead, "NEV", kind=ReadKind.ARBITRATION)
    assert case.state == CaseState.SIGNED


def test_one_of_several_leads_does_not_settle_their_own_disagreement(double):
    make_person(double.clinic, Role.LEAD)
    case = waiting_case(double)
    sign(case, double.lead, "NEV")
    sign(case, double.other, "MEL")
    sign(case, double.lead, "BCC", kind=ReadKind.CORRECTION)
    assert case.state == CaseState.WAITING


def test_the_second_reader_is_blind_to_the_first_and_the_lead_sees_both_unnamed(double):
    case = waiting_case(double)
    first = sign(case, double.doctor, "NEV")
    assert first not in access.reads(double.other)
    assert first in access.reads(double.doctor)
    assert first in access.reads(double.staff)  # who cannot sign decides nothing, and may have to act on it
    sign(case, double.other, "MEL")
    assert first in access.reads(double.other)
    assert first in access.reads(double.lead)
    assert blinding.hides_names(double.lead, case, case.reads.all())
    assert not blinding.hides_names(double.doctor, case, case.reads.all())
    sign(case, double.lead, "MEL")
    assert not blinding.hides_names(double.lead, case, case.reads.all())


def test_a_read_that_was_written_blind_beside_the_first_becomes_the_second(double):
    case = waiting_case(double)
    sign(case, double.doctor)
    sign(case, double.other, newest_seen=None, kind=ReadKind.SECOND)
    assert case.state == CaseState.SIGNED


@pytest.mark.parametrize(
    ("policy", "fields", "expected"),
    [
        ({}, {}, ""),
        ({"second_read_urgent": True}, {}, ""),
        ({"second_read_urgent": True}, {"urgency": Urgency.URGENT}, Reason.URGENT),
        ({"second_read_unsure": True}, {"certainty": "possible"}, Reason.UNSURE),
        ({"second_read_ai_differs": True}, {"code": "MEL"}, Reason.AI_DIFFERS),
        ({"second_read_ai_differs": True}, {"code": "NEV"}, ""),
        ({"second_read_share": 100}, {}, Reason.SHARE),
        ({"second_read_trainee": True}, {}, ""),
        ({"second_read_trainee": True}, {"trainee": True}, Reason.TRAINEE),
        ({"second_read_trainee": False}, {"trainee": True}, ""),
    ],
)
def test_when_a_clinic_wants_two(db, policy, fields, expected):
    cast = make_clinic("Policy", **policy)
    case = waiting_case(cast)
    prediction = opinion_on(case)  # says nevus
    Case.objects.filter(id=case.id).update(urgency=fields.pop("urgency", Urgency.ROUTINE))
    if fields.pop("trainee", False):
        Membership.objects.filter(user=cast.doctor).update(is_trainee=True)
    sign(case, cast.doctor, ai_visible=True, prediction=prediction, **fields)
    assert case.second_read_reason == expected
    assert case.state == (CaseState.WAITING if expected else CaseState.SIGNED)


def test_nobody_waits_for_a_second_reader_that_the_clinic_does_not_have(db):
    cast = make_clinic("Lonely", second_read_all=True)
    Membership.objects.filter(user=cast.lead).delete()
    case = waiting_case(cast)
    sign(case, cast.doctor)
    assert case.state == CaseState.SIGNED


def test_the_drawn_share_is_about_its_size_and_does_not_change(db):
    cases = [Case(id=uuid4()) for _ in range(2000)]
    assert 120 < sum(drawn(case, 10) for case in cases) < 290
    assert [drawn(case, 10) for case in cases] == [drawn(case, 10) for case in cases]


# --- Undo within seconds ------------------------------------------------------------------------------------


def test_undo_brings_the_case_back_and_keeps_what_was_typed(alma):
    case = waiting_case(alma)
    read = sign(case, alma.doctor, "BCC", comment="pearly")
    reads.take_back(read.id, alma.doctor)
    case.refresh_from_db()
    assert (case.state, case.signed_at, case.read_stage) == ("waiting", None, "first")
    assert not case.reads.exists()
    assert Read.every.get(id=read.id).taken_back
    kept = ReadDraft.objects.get(case=case, reader=alma.doctor)
    assert (kept.condition_id, kept.comment) == ("BCC", "pearly")
    again = sign(case, alma.doctor, "NEV", kind=ReadKind.FIRST)
    assert (again.corrects, case.state) == (None, CaseState.SIGNED)


def test_a_double_click_on_undo_is_one(alma):
    case = waiting_case(alma)
    read = sign(case, alma.doctor)
    assert reads.take_back(read.id, alma.doctor) == reads.take_back(read.id, alma.doctor) == read


def test_undo_comes_too_late(alma, monkeypatch):
    case = waiting_case(alma)
    read = sign(case, alma.doctor)
    later = timezone.now() + reads.UNDO_LASTS + timedelta(seconds=1)
    monkeypatch.setattr(reads.timezone, "now", lambda: later)
    with pytest.raises(Refused, match="too late"):
        reads.take_back(read.id, alma.doctor)


def test_undo_is_the_readers_own_and_ends_when_another_has_read(double):
    case = waiting_case(double)
    first = sign(case, double.doctor)
    with pytest.raises(Refused):
        reads.take_back(first.id, double.other)
    second = sign(case, double.other)
    with pytest.raises(Refused):
        reads.take_back(first.id, double.doctor)
    reads.take_back(second.id, double.other)
    case.refresh_from_db()
    assert (case.state, case.read_stage) == ("waiting", "second")


def test_a_withdrawn_case_in_its_second_read_comes_back_to_it(double):
    case = waiting_case(double)
    sign(case, double.doctor)
    lifecycle.withdraw(case.id, "wrong lesion")
    assert lifecycle.restore(case.id).read_stage == ReadStage.SECOND


@pytest.mark.django_db(transaction=True)
def test_two_who_sign_at_once_are_first_and_second():
    cast = make_clinic("Race", second_read_all=True)
    other = make_person(cast.clinic, Role.DOCTOR)
    case = waiting_case(cast)
    start = threading.Barrier(2)

    def run(reader):
        start.wait()
        try:
            sign(Case.objects.get(id=case.id), reader, newest_seen=None)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(reader,)) for reader in (cast.doctor, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    case.refresh_from_db()
    assert sorted(case.reads.values_list("kind", flat=True)) == ["first", "second"]
    assert case.state == CaseState.SIGNED
