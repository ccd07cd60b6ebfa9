"""Two readers of one case: when a clinic wants them, agreement, arbitration, corrections, and undo within seconds."""

import threading
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Clinic, Membership
from accounts.roles import Role
from cases import access, blinding
from cases.errors import Refused
from cases.models import (
    Case,
    CaseState,
    Condition,
    Consent,
    Notification,
    NotificationKind,
    Patient,
    Read,
    ReadDraft,
    ReadKind,
    ReadStage,
    Urgency,
)
from cases.reading import first_opinions, next_case, reads
from cases.reading.second_reads import Reason, drawn
from cases.record import lifecycle
from cases.tasks import sweep_predictions
from tests.cases.readings import FAILED, QUEUED, opinion_on, read_form
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


def test_two_leads_who_disagree_are_left_to_settle_it_where_there_is_no_third(double, sign_in):
    second_lead = make_person(double.clinic, Role.LEAD)
    case = waiting_case(double)
    sign(case, double.lead, "NEV")
    sign(case, second_lead, "MEL")
    for lead in (double.lead, second_lead):
        assert next_case.readable_cases(lead, double.clinic).get() == case
    assert not next_case.readable_cases(double.doctor, double.clinic).exists()
    page = sign_in(double.lead).get(reverse("case_detail", args=[case.id])).content.decode()
    assert "It waits for a second reader" not in page
    third = make_person(double.clinic, Role.LEAD)
    assert not next_case.readable_cases(double.lead, double.clinic).exists()
    assert next_case.readable_cases(third, double.clinic).get() == case
    Membership.objects.filter(user=third).delete()
    sign(case, double.lead, "NEV", kind=ReadKind.ARBITRATION)
    assert case.state == CaseState.SIGNED


def test_a_clinic_without_a_lead_is_told_that_nobody_settles_a_disagreement(double, sign_in):
    client, words = sign_in(double.admin), "Nobody settles what readers disagree on"
    policy = reverse("clinic_policy")
    assert words not in client.get("/").content.decode()
    assert "Nobody here has the role of a lead" not in client.get(policy).content.decode()
    Membership.objects.filter(user=double.lead).delete()
    assert words in client.get("/").content.decode()
    assert "Nobody here has the role of a lead" in client.get(policy).content.decode()
    case = waiting_case(double)
    sign(case, double.doctor, "NEV")
    sign(case, double.other, "MEL")
    Clinic.objects.update(second_read_all=False, second_read_trainee=False)
    assert "no lead: 1 case waits for one." in client.get("/").content.decode()
    assert "Nobody here has the role of a lead" not in client.get(policy).content.decode()


def test_the_second_reader_is_blind_to_the_first_and_the_lead_sees_both_unnamed(double):
    case = waiting_case(double)
    first = sign(case, double.doctor, "NEV")
    assert first not in access.reads(double.other)
    assert first in access.reads(double.doctor)
    assert first in access.reads(double.staff)  # who cannot sign decides nothing, and may have to act on it
    sign(case, double.other, "MEL")
    assert first in access.reads(double.lead)
    assert first in access.reads(double.other)
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


# --- What the AI said, whatever the reader saw ----------------------------------------------------------------


@pytest.fixture
def compared(db):
    """A clinic that wants two readers where the AI and the first one disagree."""
    return make_clinic("Compared", second_read_ai_differs=True)


def test_the_ai_that_the_reader_did_not_see_disagrees_all_the_same(compared):
    case = waiting_case(compared)
    opinion_on(case)  # says nevus
    sign(case, compared.doctor, "MEL")
    assert (case.state, case.second_read_reason) == (CaseState.WAITING, Reason.AI_DIFFERS)


def test_a_read_through_the_api_does_not_escape_the_policy(compared):
    case = waiting_case(compared)
    opinion_on(case)
    sent = {"case": str(case.id), "condition": "MEL", "certainty": "certain", "management": "biopsy"}
    client = APIClient()
    client.force_authenticate(compared.doctor)
    answer = client.post("/api/v1/reads/", {**sent, "ai_visible": False}, format="json")
    assert answer.status_code == 201
    case.refresh_from_db()
    assert case.second_read_reason == Reason.AI_DIFFERS


def test_a_reader_who_changed_their_mind_for_the_ais_disagreed(compared):
    Clinic.objects.filter(id=compared.clinic.id).update(read_first=True)
    case = waiting_case(compared)
    prediction = opinion_on(case)
    first_opinions.commit(
        case_id=case.id,
        reader=compared.doctor,
        condition=Condition.objects.get(code="MEL"),
        certainty="probable",
        management="biopsy",
    )
    sign(case, compared.doctor, "NEV", ai_visible=True, prediction=prediction)
    assert case.second_read_reason == Reason.AI_DIFFERS


@pytest.mark.parametrize("left_out", ["no consent", "stopped", "silent"])
def test_an_ai_that_has_no_say_disagrees_with_nobody(compared, left_out):
    case = waiting_case(compared)
    opinion_on(case, silent=left_out == "silent")
    if left_out == "no consent":
        Patient.objects.update(ai_consent=Consent.REFUSED)
    if left_out == "stopped":
        Clinic.objects.update(ai_stopped_at=timezone.now(), ai_stopped_by=compared.lead, ai_stopped_reason="Odd")
    sign(case, compared.doctor, "MEL")
    assert case.state == CaseState.SIGNED


@pytest.mark.parametrize(
    ("comes", "state", "reason"),
    [
        ({"probabilities": [["NEV", 0.9], ["MEL", 0.1]]}, CaseState.WAITING, Reason.AI_DIFFERS),
        ({"probabilities": [["MEL", 0.9], ["NEV", 0.1]]}, CaseState.SIGNED, ""),
        (FAILED, CaseState.SIGNED, ""),
    ],
)
def test_the_policy_is_asked_again_when_the_ais_opinion_comes_after_the_read(compared, comes, state, reason):
    case = waiting_case(compared)
    opinion_on(case, **QUEUED)
    read = sign(case, compared.doctor, "MEL")
    assert (case.state, case.second_read_reason) == (CaseState.WAITING, Reason.AI_PENDING)
    assert reads.ask_again() == 0
    opinion_on(case, **comes)
    sweep_predictions()
    case.refresh_from_db()
    assert (case.state, case.second_read_reason) == (state, reason)
    told = Notification.objects.filter(case=case, kind=NotificationKind.REPORT_READY)
    if state == CaseState.SIGNED:
        assert case.signed_at == read.signed_at
        assert [each.person for each in told] == [compared.staff]
        reads.take_back(read.id, compared.doctor)  # the seconds in which a read is undone are not over
    assert not told.all().exists()


def test_what_another_read_while_the_opinion_was_to_come_is_not_asked_again(compared):
    case = waiting_case(compared)
    opinion_on(case, **QUEUED)
    sign(case, compared.doctor, "MEL")
    sign(case, compared.lead, "BCC")
    opinion_on(case)
    assert reads.ask_again() == 0
    case.refresh_from_db()
    assert case.read_stage == ReadStage.ARBITRATION


# --- Signed cases in question -----------------------------------------------------------------------------------


def asked_about(case) -> set:
    """Who is told that the signed case is in question, in the app."""
    told = Notification.objects.filter(case=case, kind=NotificationKind.IN_QUESTION, read_at=None)
    return {each.person for each in told}


@pytest.mark.parametrize(
    ("policy", "changed"),
    [
        ({"second_read_ai_differs": True}, {"code": "SEK"}),
        ({"second_read_unsure": True}, {"certainty": "possible"}),
        ({"second_read_urgent": True}, {"management": "urgent_referral"}),
        ({"second_read_trainee": True}, {"code": "MEL"}),
    ],
)
def test_a_correction_does_not_escape_the_clinics_policy(db, policy, changed):
    """Signed as the policy had nothing against it, and corrected to what it asks a second reader about."""
    cast = make_clinic("Late", **policy)
    case = waiting_case(cast)
    opinion_on(case)  # says nevus
    sign(case, cast.doctor)
    if "second_read_urgent" in policy:
        Case.objects.update(urgency=Urgency.URGENT)
    Membership.objects.filter(user=cast.doctor).update(is_trainee="second_read_trainee" in policy)
    corrected = sign(case, cast.doctor, kind=ReadKind.CORRECTION, **changed)
    # It stays signed: what was delivered does not vanish, and the amended report is there at once.
    assert (case.state, case.questioned_at) == (CaseState.SIGNED, corrected.signed_at)
    assert asked_about(case) == {cast.lead}
    assert case.second_read_reason
    sign(case, cast.lead, "MEL", kind=ReadKind.ARBITRATION)
    assert (case.state, case.questioned_at, asked_about(case)) == (CaseState.SIGNED, None, set())


def test_a_correction_that_changes_the_comment_alone_asks_nobody(compared):
    case = waiting_case(compared)
    opinion_on(case)
    sign(case, compared.doctor)
    Clinic.objects.update(second_read_all=True)
    sign(case, compared.doctor, comment="pearly", kind=ReadKind.CORRECTION)
    assert case.questioned_at is None


def test_another_doctor_who_agrees_with_the_correction_ends_the_question(compared):
    case, another = waiting_case(compared), make_person(compared.clinic, Role.DOCTOR)
    trainee = make_person(compared.clinic, Role.DOCTOR)
    Membership.objects.filter(user=trainee).update(is_trainee=True)
    opinion_on(case)
    sign(case, compared.doctor)
    sign(case, compared.doctor, "SEK")
    sign(case, trainee, "SEK", kind=ReadKind.ADDITIONAL)
    assert case.questioned_at
    sign(case, another, "SEK", kind=ReadKind.ADDITIONAL)
    assert (case.questioned_at, asked_about(case)) == (None, set())


def test_a_correction_that_breaks_an_agreement_is_for_a_lead(double, sign_in):
    case = waiting_case(double)
    sign(case, double.doctor, "MEL")
    sign(case, double.other, "MEL")
    sign(case, double.doctor, "NEV", management="discharge", kind=ReadKind.CORRECTION)
    assert (case.state, bool(case.questioned_at)) == (CaseState.SIGNED, True)
    assert asked_about(case) == {double.lead, double.other}
    address, report = reverse("case_detail", args=[case.id]), reverse("report_page", args=[case.id])
    assert "In question since" in sign_in(double.staff).get(report).content.decode()
    assert "A lead's read settles it" in unescape(sign_in(double.other).get(address).content.decode())
    client = sign_in(double.lead)
    start = client.get("/").content.decode()
    assert "signed case in question" in start
    assert address in start
    page = client.get(address).content.decode()
    assert "Sign, and settle it" in page
    assert "Your read settles it" in page
    sign(case, double.lead, "MEL", kind=ReadKind.ARBITRATION)
    assert case.questioned_at is None
    assert "In question since" not in sign_in(double.staff).get(report).content.decode()
    assert "signed case in question" not in sign_in(double.lead).get("/").content.decode()
    # The lead's word stands, and one of the two who thinks otherwise afterwards asks a lead again.
    sign(case, double.doctor, "BCC", kind=ReadKind.CORRECTION)
    assert case.questioned_at


def test_the_two_who_agree_again_end_the_question(double):
    case = waiting_case(double)
    sign(case, double.doctor, "MEL")
    sign(case, double.other, "MEL")
    sign(case, double.doctor, "BCC")
    sign(case, double.other, "BCC", kind=ReadKind.CORRECTION)
    assert (case.questioned_at, asked_about(case)) == (None, set())


@pytest.mark.parametrize(
    ("remark", "asks"),
    [
        ({"code": "NEV"}, True),
        ({"code": "MEL", "management": "discharge"}, True),
        ({"code": "MEL", "management": "urgent_referral"}, True),
        ({"code": "MEL", "management": "biopsy"}, False),
    ],
)
def test_what_another_reader_remarks_is_told_where_it_disagrees_or_is_more_urgent(double, remark, asks):
    case, another = waiting_case(double), make_person(double.clinic, Role.DOCTOR)
    sign(case, double.doctor, "MEL")
    sign(case, double.other, "MEL")
    read = sign(case, another, kind=ReadKind.ADDITIONAL, **remark)
    assert asked_about(case) == ({double.lead, double.doctor, double.other} if asks else set())
    assert bool(case.questioned_at) is asks
    reads.take_back(read.id, another)
    case.refresh_from_db()
    assert (case.state, case.questioned_at, asked_about(case)) == (CaseState.SIGNED, None, set())


def test_an_undone_settlement_leaves_the_case_signed_and_in_question(double):
    case = waiting_case(double)
    sign(case, double.doctor, "MEL")
    second = sign(case, double.other, "MEL")
    corrected = sign(case, double.doctor, "NEV")
    settled = sign(case, double.lead, "MEL", kind=ReadKind.ARBITRATION)
    reads.take_back(settled.id, double.lead)
    case.refresh_from_db()
    assert (case.state, case.signed_at, case.read_stage) == (CaseState.SIGNED, second.signed_at, ReadStage.SECOND)
    assert case.questioned_at == corrected.signed_at
    assert asked_about(case) == {double.lead, double.other}


def test_the_only_lead_settles_what_they_put_in_question_but_not_alone(double):
    case = waiting_case(double)
    sign(case, double.lead, "MEL")
    sign(case, double.other, "MEL")
    sign(case, double.lead, "NEV", kind=ReadKind.CORRECTION)
    sign(case, double.lead, "NEV", kind=ReadKind.ARBITRATION)
    Clinic.objects.update(second_read_all=False)
    alone = waiting_case(double)
    sign(alone, double.lead, "MEL")
    Clinic.objects.update(second_read_unsure=True)
    sign(alone, double.lead, "NEV", certainty="possible", kind=ReadKind.CORRECTION)
    sign(alone, double.lead, "MEL", certainty="possible", kind=ReadKind.CORRECTION)
    assert alone.questioned_at


# --- Trainees -------------------------------------------------------------------------------------------------


@pytest.fixture
def school(db):
    """A clinic with two doctors in training, `.doctor` and `.other`, and a lead who is not."""
    cast = make_clinic("School")
    cast.other = make_person(cast.clinic, Role.DOCTOR)
    Membership.objects.filter(user__in=[cast.doctor, cast.other]).update(is_trainee=True)
    return cast


@pytest.mark.parametrize("every_case_twice", [False, True])
def test_two_trainees_do_not_close_a_case(school, sign_in, every_case_twice):
    Clinic.objects.update(second_read_all=every_case_twice)
    case = waiting_case(school)
    sign(case, school.doctor)
    assert not next_case.readable_cases(school.other, school.clinic).exists()
    assert next_case.readable_cases(school.lead, school.clinic).get() == case
    with pytest.raises(Refused, match="not in training") as refusal:
        sign(case, school.other)
    assert refusal.value.code == "in_training"
    address = reverse("case_detail", args=[case.id])
    assert "not in training" in sign_in(school.other).get(address).content.decode()
    sign(case, school.lead, kind=ReadKind.SECOND)
    assert case.state == CaseState.SIGNED


def test_a_trainee_may_read_second_what_a_doctor_has_read(school):
    Clinic.objects.update(second_read_all=True)
    another = make_person(school.clinic, Role.DOCTOR)
    case = waiting_case(school)
    sign(case, another)
    assert next_case.readable_cases(school.other, school.clinic).get() == case
    sign(case, school.other, kind=ReadKind.SECOND)


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


@pytest.mark.parametrize("agrees", [True, False])
def test_a_second_read_is_not_undone_for_the_case_tells_whether_it_agrees(double, sign_in, agrees):
    """Signed anew it would pass for blind, and could agree with the first before a lead has seen the disagreement."""
    case = waiting_case(double)
    first = sign(case, double.doctor, "BCC", comment="FIRST SAYS")
    client = sign_in(double.other)
    page = reverse("case_detail", args=[case.id])
    asked = client.get(page).content.decode()
    assert "cannot be undone, only corrected" in asked
    assert "FIRST SAYS" not in asked
    wish = read_form(condition="BCC" if agrees else "MEL")
    answer = client.post(reverse("read_sign", args=[case.id]), wish, follow=True).content.decode()
    assert "Signed " in answer
    assert "/undo/" not in answer

    second = case.reads.get(reader=double.other)
    refused = client.post(reverse("read_undo", args=[second.id]), follow=True).content.decode()
    assert "A second read cannot be undone." in refused
    case.refresh_from_db()
    assert (case.state, case.read_stage) == (("signed", "second") if agrees else ("waiting", "arbitration"))
    assert list(case.reads.all()) == [first, second]
    # Now that the own read stands, the first one shows.
    assert "FIRST SAYS" in client.get(page).content.decode()
    assert client.get(f"/api/v1/reads/{first.id}/").status_code == 200
    # What was a slip is corrected, and both show.
    sign(case, double.other, "BCC", kind=ReadKind.CORRECTION)
    assert case.state == CaseState.SIGNED
    assert second in case.reads.all()


def test_the_list_of_withdrawn_cases_does_not_tell_the_first_read(double, sign_in):
    case = waiting_case(double)
    sign(case, double.doctor, "BCC")
    lifecycle.withdraw(case.id, "wrong lesion")
    assert "Basal cell carcinoma" not in sign_in(double.other).get("/worklist/?tab=withdrawn").content.decode()


def test_undo_is_the_readers_own_and_ends_when_another_has_read(double):
    case = waiting_case(double)
    first = sign(case, double.doctor)
    with pytest.raises(Refused):
        reads.take_back(first.id, double.other)
    sign(case, double.other)
    with pytest.raises(Refused):
        reads.take_back(first.id, double.doctor)


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
