"""Read first, then see the AI: who is blind to what, and that no door shows it."""

from uuid import uuid4

import pytest
from django.urls import reverse

from accounts.roles import Role
from cases import access, blinding
from cases.errors import Refused
from cases.models import Case, Condition, FirstOpinion, PredictionState
from cases.models.judgement import AppendOnlyError
from cases.prediction import switch
from cases.reading import first_opinions, reads
from cases.worklist import listing
from cases.worklist.filters import AiKind, Filters
from tests.cases.readings import QUEUED, URGENT, opinion_on
from tests.cast import make_clinic, make_person, waiting_case


@pytest.fixture
def blind(db):
    """A clinic whose doctors read first."""
    return make_clinic("Blind", read_first=True)


@pytest.fixture
def case(blind):
    return waiting_case(blind)


def commit(case, reader, code="NEV"):
    return first_opinions.commit(
        case_id=case.id,
        reader=reader,
        condition=Condition.objects.get(code=code),
        certainty="probable",
        management="follow_up",
    )


def sign(case, reader, code="NEV", **fields):
    return reads.sign(
        case_id=case.id,
        reader=reader,
        **{
            "read_id": uuid4(),
            "condition": Condition.objects.get(code=code),
            "certainty": "certain",
            "management": "follow_up",
            "ai_visible": True,
            "newest_seen": None,
            **fields,
        },
    )


@pytest.mark.parametrize(
    ("role", "hidden"), [("doctor", True), ("lead", True), ("staff", False), ("admin", False), ("integration", False)]
)
def test_who_is_blind(blind, case, role, hidden):
    prediction = opinion_on(case)
    person = blind.role(role)
    assert blinding.hides_ai(person, case) is hidden
    assert (prediction in access.predictions(person)) is not hidden


def test_a_committed_opinion_reveals_the_ai_to_its_reader_only(blind, case):
    prediction = opinion_on(case)
    other = make_person(blind.clinic, Role.DOCTOR)
    commit(case, blind.doctor)
    assert prediction in access.predictions(blind.doctor)
    assert prediction not in access.predictions(other)


def test_a_clinic_that_does_not_read_first_hides_nothing(alma):
    assert opinion_on(waiting_case(alma)) in access.predictions(alma.doctor)


def test_a_signed_case_hides_nothing(blind, case):
    prediction = opinion_on(case)
    sign(case, blind.doctor)
    assert prediction in access.predictions(blind.lead)


def test_a_hidden_opinion_was_not_seen_whatever_the_client_says(blind, case):
    prediction = opinion_on(case)
    read = sign(case, blind.doctor, prediction=prediction)
    assert (read.ai_visible, read.prediction, read.first_opinion) == (False, None, None)


def test_first_and_final_opinion_are_both_kept(blind, case):
    prediction = opinion_on(case, probabilities=[["MEL", 0.9], ["NEV", 0.1]])
    first = commit(case, blind.doctor, "NEV")
    read = sign(case, blind.doctor, "MEL", prediction=prediction)
    assert (read.first_opinion, read.first_opinion.condition_id, read.condition_id) == (first, "NEV", "MEL")
    assert (read.ai_visible, read.prediction) == (True, prediction)


def test_a_first_opinion_is_committed_once_and_never_changed(blind, case):
    first = commit(case, blind.doctor, "NEV")
    assert commit(case, blind.doctor, "MEL") == first
    assert FirstOpinion.objects.get().condition_id == "NEV"
    first.certainty = "certain"
    with pytest.raises(AppendOnlyError):
        first.save()
    with pytest.raises(AppendOnlyError):
        FirstOpinion.objects.all().delete()


def test_who_may_not_sign_commits_nothing(blind, case):
    with pytest.raises(Refused):
        commit(case, blind.staff)


@pytest.mark.parametrize("fields", [{}, QUEUED], ids=["done", "queued"])
def test_no_door_shows_a_hidden_opinion(blind, case, sign_in, fields):
    prediction = opinion_on(case, **fields)
    client = sign_in(blind.doctor)
    for address in (reverse("case_detail", args=[case.id]), reverse("case_opinion", args=[case.id])):
        page = client.get(address).content.decode()
        assert "Hidden until your first opinion" in page
        assert str(prediction.id) not in page
        assert "lite0" not in page
        assert "data-agree=" not in page
    assert client.get(reverse("heatmap", args=[prediction.id])).status_code == 404
    assert client.get(f"/api/v1/predictions/{prediction.id}/").status_code == 404
    assert client.get("/api/v1/predictions/").json()["results"] == []
    assert "Nevus" not in client.get(reverse("worklist")).content.decode()


def test_the_list_by_what_the_ai_says_holds_all_that_a_person_may_see(blind):
    """At every stage of the reading, for each reader: the rule case by case is the list's."""
    other, clinic = make_person(blind.clinic, Role.DOCTOR), blind.clinic
    clinic.second_read_all = True
    clinic.save()
    untouched, begun, read_once, settled_by_lead = (waiting_case(blind) for _ in range(4))
    found = [untouched, begun, read_once, settled_by_lead]
    for case in found:
        opinion_on(case, **URGENT)
    commit(begun, blind.doctor)
    sign(read_once, blind.doctor)
    sign(settled_by_lead, blind.doctor, "NEV")
    sign(settled_by_lead, other, "MEL")
    seen = {}
    for person in (blind.doctor, other, blind.lead, blind.staff):
        listed = listing.page(person, clinic, Filters(ai=AiKind.FLAGGED)).rows
        seen[person] = {row.case for row in listed}
        assert seen[person] == {case for case in Case.objects.all() if not blinding.hides_ai(person, case)}
    assert seen[blind.doctor] == {begun, read_once, settled_by_lead}
    assert (seen[other], seen[blind.lead]) == ({settled_by_lead}, {settled_by_lead})
    assert seen[blind.staff] == set(found)


# --- The switch ----------------------------------------------------------------------------------------------


def test_one_switch_stops_the_ai_for_the_clinic_and_starts_it_again(alma, brno):
    case, elsewhere = waiting_case(alma), waiting_case(brno)
    done, other = opinion_on(case), opinion_on(elsewhere)
    queued = opinion_on(waiting_case(alma), **QUEUED)
    switch.stop(alma.clinic.id, alma.lead, "Wrong on every photo since noon.")
    for cast in (alma, brno):
        for role in Role:
            cast.role(role).__dict__.pop("held_memberships", None)
    queued.refresh_from_db()
    assert (queued.state, queued.reason) == (PredictionState.REJECTED, "The AI is stopped in this clinic.")
    assert all(done not in access.predictions(alma.role(role)) for role in Role)
    assert other in access.predictions(brno.doctor)

    read = sign(case, alma.doctor, prediction=done)
    assert read.ai_visible is False

    switch.start(alma.clinic.id, alma.lead)
    queued.refresh_from_db()
    assert queued.state == PredictionState.QUEUED


def test_the_keys_help_names_what_the_keys_do_on_this_page(blind, sign_in):
    case = waiting_case(blind)
    opinion_on(case)
    client = sign_in(blind.doctor)

    def page() -> str:
        return client.get(reverse("case_detail", args=[case.id])).content.decode()

    assert "Commit and see the AI; then sign" in page()
    switch.stop(blind.clinic.id, blind.lead, "Odd results.")
    stopped = page()
    assert "Keys for reading" in stopped
    assert "Sign and go to the next case" in stopped
    assert "Commit and see the AI" not in stopped
    assert "Heat map on or off" not in stopped


@pytest.mark.parametrize(("role", "allowed"), [("lead", True), ("admin", True), ("doctor", False), ("staff", False)])
def test_who_may_stop_the_ai(alma, brno, role, allowed):
    if allowed:
        assert switch.stop(alma.clinic.id, alma.role(role), "Odd results.").ai_is_stopped
    else:
        with pytest.raises(Refused):
            switch.stop(alma.clinic.id, alma.role(role), "Odd results.")
    with pytest.raises(Refused):
        switch.stop(brno.clinic.id, alma.role(role), "Odd results.")


def test_stopping_needs_a_reason(alma):
    with pytest.raises(Refused, match="why"):
        switch.stop(alma.clinic.id, alma.lead, "  ")
