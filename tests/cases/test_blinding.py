"""Read first, then see the AI: who is blind to what, and that no door shows it."""

from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.urls import reverse

from accounts.models import User
from accounts.roles import Role
from cases import access, blinding
from cases.errors import Refused
from cases.figures import dashboard
from cases.figures.scope import Scope
from cases.models import Case, CaseState, Condition, FirstOpinion, LesionImage, PredictionState, ReadDraft, Urgency
from cases.models.judgement import AppendOnlyError
from cases.photo import retakes
from cases.prediction import switch
from cases.reading import first_opinions, reads
from cases.record import lifecycle
from cases.worklist import listing
from cases.worklist.filters import AiKind, Filters
from tests.cases.readings import QUEUED, URGENT, opinion_on, predict, read_form
from tests.cast import make_case, make_clinic, make_image, make_person, waiting_case


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


def hidden_fields(page) -> dict[str, str]:
    """What a browser sends back as the page has it."""
    form = page.context["read_form"]
    return {name: str(form[name].value() or "") for name in ("read_id", "newest_seen", "case_seen", "draft_version")}


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


def test_of_photos_that_came_later_the_ai_says_something_new(blind, case, sign_in):
    """The reader commits again; both opinions stay, and the read names the one that was about all photos."""
    opinion_on(case)
    first, client = commit(case, blind.doctor, "NEV"), sign_in(blind.doctor)
    retakes.ask(case_id=case.id, by=blind.doctor, request_id=uuid4(), faults=["dark"])
    assert not blinding.hides_ai(blind.doctor, case)
    retaken = predict(make_image(case), **URGENT)
    assert blinding.hides_ai(blind.doctor, case)
    lifecycle.send(case.id)
    address = reverse("case_detail", args=[case.id])
    page = client.get(address)
    assert "Commit and see the AI" in page.content.decode()
    assert "Your first opinion" not in page.content.decode()
    assert str(retaken.id) not in page.content.decode()
    assert listing.page(blind.doctor, blind.clinic, Filters(ai=AiKind.FLAGGED)).rows == []

    second = commit(case, blind.doctor, "MEL")
    assert second != first
    assert commit(case, blind.doctor, "BCC") == second
    page = client.get(address).content.decode()
    assert "Your first opinion" in page
    assert str(retaken.id) in page
    read = sign(case, blind.doctor, "MEL", prediction=retaken)
    assert (read.first_opinion, read.ai_visible) == (second, True)
    assert set(FirstOpinion.objects.values_list("condition", flat=True)) == {"NEV", "MEL"}


def test_a_photo_that_came_since_the_page_was_opened_counts_as_seen_by_nobody(blind, case, sign_in):
    """The commit is refused, what was typed stays on the page and as a draft, and the page then shows the photo."""
    opinion_on(case)
    client = sign_in(blind.doctor)
    address, commits = (reverse(door, args=[case.id]) for door in ("case_detail", "read_first_opinion"))
    wish = {**hidden_fields(client.get(address)), "condition": "BCC", "certainty": "probable", "management": "biopsy"}
    wish["comment"] = "Pearly border"
    added = make_image(case)

    assert client.post(commits, wish, headers={"accept": "application/json"}).status_code == 409
    refused = client.post(commits, wish)
    assert refused.status_code == 409
    page = refused.content.decode()
    # Nothing is signed here.
    changed = "Answers or photos of this case were changed since you opened it. Look at them, then commit again."
    assert changed in page
    assert "Hidden until your first opinion" in page
    assert str(added.id) in page
    assert not FirstOpinion.objects.exists()
    kept = ReadDraft.objects.get()
    assert (kept.condition_id, kept.management, kept.comment) == ("BCC", "biopsy", "Pearly border")

    again = hidden_fields(refused)
    assert again["draft_version"] == str(kept.version)
    assert client.post(commits, {**wish, **again}).status_code == 302
    assert FirstOpinion.objects.get().newest_photo == added
    assert ReadDraft.objects.get().version == kept.version + 1


def test_a_commit_that_came_twice_stands_though_the_case_was_changed_since(blind, case, sign_in):
    opinion_on(case)
    client = sign_in(blind.doctor)
    wish = {**read_form(), **hidden_fields(client.get(reverse("case_detail", args=[case.id])))}
    commits = reverse("read_first_opinion", args=[case.id])
    assert client.post(commits, wish).status_code == 302
    lifecycle.change(case.id, note="Itches since May.")
    assert client.post(commits, wish).status_code == 302
    assert FirstOpinion.objects.count() == 1


def test_a_photo_that_is_removed_again_takes_no_opinion_away(blind, case):
    first = commit(case, blind.doctor)
    added = make_image(case)
    assert blinding.hides_ai(blind.doctor, case)
    LesionImage.objects.filter(id=added.id).update(removed_at=added.created_at)
    assert not blinding.hides_ai(blind.doctor, case)
    assert commit(case, blind.doctor) == first


def test_an_opinion_of_which_the_photo_is_not_known_goes_by_its_time(blind, case):
    said = {"case": case, "reader": blind.doctor, "condition_id": "NEV", "certainty": "certain", "management": "biopsy"}
    FirstOpinion.objects.create(**said)
    assert not blinding.hides_ai(blind.doctor, case)
    make_image(case)
    assert blinding.hides_ai(blind.doctor, case)
    with pytest.raises(IntegrityError), transaction.atomic():
        FirstOpinion.objects.create(**said)


def test_the_database_refuses_to_change_a_first_opinion(blind, case):
    first = commit(case, blind.doctor)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE cases_firstopinion SET certainty = 'possible'")
    first.refresh_from_db()
    assert first.certainty == "probable"


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


def test_figures_of_the_ai_count_what_their_reader_may_see(blind, case):
    def counted(person: User) -> tuple[int, int]:
        scope = Scope.read({}, person, blind.clinic)
        figure = dashboard.figure(scope, "answers")
        behind = [row for row in figure.rows if row.behind is not None and scope.cases().filter(row.behind).exists()]
        return len(scope.asked), len(behind)

    predict(make_image(case))
    assert counted(blind.lead) == (0, 0)
    commit(case, blind.lead)
    assert counted(blind.lead)[0] == 1


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


# --- Every door, in every state -------------------------------------------------------------------------------

CASE_PAGES = "case_detail", "case_opinion"
STATES = list(CaseState)
# Who looks, and whether they look at a clinic that has stopped the AI.
LOOKERS = {
    "a lead who has not committed": ("lead", False),
    "a lead who has committed": ("lead", False),
    "staff": ("staff", False),
    "an admin": ("admin", False),
    "a lead who has committed, AI stopped": ("lead", True),
    "staff, AI stopped": ("staff", True),
    "an admin, AI stopped": ("admin", True),
}


def flagged_case(cast, state, *, committed_by=None):
    """A case in `state` for which staff asked no hurry and which the AI has flagged, and the AI's opinion."""
    case = make_case(cast)
    make_image(case)
    prediction = opinion_on(case, **URGENT)
    case.flagged_by_ai, case.urgency = True, Urgency.URGENT
    case.save(update_fields=["flagged_by_ai", "urgency"])
    if state != CaseState.DRAFT:
        lifecycle.send(case.id)
        if committed_by:
            commit(case, committed_by)
    if state == CaseState.PHOTOS_WANTED:
        retakes.ask(case_id=case.id, by=cast.doctor, request_id=uuid4(), faults=["dark"])
    if state == CaseState.WITHDRAWN:
        lifecycle.withdraw(case.id, "Logged twice.")
    if state == CaseState.SIGNED:
        sign(case, cast.doctor)
    return Case.objects.get(id=case.id), prediction


def told_by_the_pages(client, case):
    """Door by door: whether it tells what the AI said of `case`."""
    pages = {name: client.get(reverse(name, args=[case.id])) for name in CASE_PAGES}
    rows = client.get(reverse("worklist"), {"tab": case.state})
    found = client.get(reverse("worklist"), {"tab": case.state, "ai": "flagged"})
    assert all(answer.status_code == 200 for answer in (*pages.values(), rows, found))
    return {
        **{name: 'class="ai-flag"' in page.content.decode() for name, page in pages.items()},
        "the form's flag": 'data-flagged="yes"' in pages["case_detail"].content.decode(),
        "worklist": [row.card.summary for row in rows.context["page"].rows] == ["flagged"],
        "worklist by the AI": [row.case for row in found.context["page"].rows] == [case],
    }


def told_by_the_api(client, case, prediction):
    def ask(path, **filters):
        return client.get(f"/api/v1/{path}/", filters).json()

    def both(body):
        assert body["urgency"] == "urgent"
        shown = body["flagged_by_ai"], body["requested_urgency"]
        assert shown in ((True, "routine"), (None, None))
        return shown != (None, None)

    assert ask("cases", flagged_by_ai="false")["results"] == []
    return {
        "one case": both(ask(f"cases/{case.id}")),
        "cases": both(ask("cases")["results"][0]),
        "cases by flag": bool(ask("cases", flagged_by_ai="true")["results"]),
        "cases by flag and state": bool(ask("cases", flagged_by_ai="true", state=case.state)["results"]),
        "predictions": bool(ask("predictions")["results"]),
        "one prediction": client.get(f"/api/v1/predictions/{prediction.id}/").status_code == 200,
    }


def told_by_the_admin(client, case, prediction):
    def page(name, *args, **query):
        return client.get(reverse(f"admin:cases_{name}", args=args), query)

    def lists(row, answer):
        return row in answer.context["cl"].queryset

    one = page("case_change", case.pk).content.decode()
    history = page("case_history", case.pk).content.decode()
    # That something happened at that time tells, too.
    assert all("<td>" in entry for entry in history.split("<article")[1:])
    assert not lists(case, page("case_changelist", flagged="no"))
    assert page("case_changelist", flagged_by_ai__exact="1").status_code == 400
    assert page("case_changelist", requested_urgency__exact="3").status_code == 400
    assert lists(case, page("case_changelist"))
    return {
        "one case": "flagged urgent by the AI" in one.replace("Flagged", "flagged"),
        "what was asked": "field-requested_urgency" in one,
        "history": "urgency asked for" in history.lower(),
        "history of the urgency": "<td>urgency</td>" in history.lower(),
        "cases by flag": lists(case, page("case_changelist", flagged="yes")),
        "predictions": lists(prediction, page("prediction_changelist", urgent__exact="1")),
        "one prediction": page("prediction_change", prediction.pk).status_code == 200,
    }


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("looker", LOOKERS)
def test_each_door_tells_the_same_in_each_state(blind, sign_in, looker, state):
    role, stopped = LOOKERS[looker]
    committed = "has committed" in looker
    person = blind.role(role)
    case, prediction = flagged_case(blind, state, committed_by=person if committed else None)
    if stopped:
        switch.stop(blind.clinic.id, blind.admin, "Wrong since noon.")
    person, client = User.objects.get(id=person.id), sign_in(person)
    # Nobody commits an opinion on a draft.
    blinded = role == "lead" and not (committed and state != CaseState.DRAFT)
    shown = state == CaseState.SIGNED or not (stopped or blinded)

    assert blinding.hides_ai(person, case) is not shown
    doors = {**told_by_the_pages(client, case), **told_by_the_api(client, case, prediction)}
    may_sign = role == "lead" and state in reads.READABLE_STATES
    assert doors.pop("the form's flag") is (shown and may_sign)
    if role != "staff":
        doors |= {f"admin: {door}": told for door, told in told_by_the_admin(client, case, prediction).items()}
    assert {door for door, told in doors.items() if told is not shown} == set()


# --- What an urgency tells ------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [CaseState.DRAFT, CaseState.WAITING, CaseState.PHOTOS_WANTED])
@pytest.mark.parametrize(("role", "offered"), [("doctor", False), ("staff", True)])
def test_the_form_of_a_case_does_not_tell_the_blind_who_raised_the_urgency(blind, sign_in, state, role, offered):
    case, _prediction = flagged_case(blind, state)
    client, address = sign_in(blind.role(role)), reverse("case_change", args=[case.id])
    assert ('name="requested_urgency"' in client.get(address).content.decode()) is offered
    lesion = {"patient": str(case.lesion.patient_id), "lesion": str(case.lesion_id), "case_id": str(case.id)}
    wish = {**dict.fromkeys(Case.QUESTIONS, "unknown"), **lesion, "note": "Grew.", "action": "save"}
    answer = client.post(address, wish | ({"requested_urgency": "3"} if offered else {}))
    assert answer.status_code == 302
    case.refresh_from_db()
    assert (case.note, case.requested_urgency, case.urgency) == ("Grew.", Urgency.ROUTINE, Urgency.URGENT)


def test_the_blind_do_not_learn_it_by_lowering_the_urgency(blind, sign_in):
    case, _prediction = flagged_case(blind, CaseState.WAITING)
    Case.objects.filter(id=case.id).update(requested_urgency=Urgency.SOON)
    wish = {"requested_urgency": "routine"}
    for person, status in ((blind.doctor, 409), (blind.staff, 200)):
        answer = sign_in(person).patch(f"/api/v1/cases/{case.id}/", wish, content_type="application/json")
        assert answer.status_code == status, answer.content
    sign_in(blind.doctor).post(reverse("case_change", args=[case.id]), {"requested_urgency": "1", "note": ""})
    case.refresh_from_db()
    assert case.requested_urgency == Urgency.ROUTINE


def test_who_logs_a_case_says_how_urgent_it_is_while_the_ai_is_stopped_too(blind, sign_in):
    """What they asked is theirs, and all that makes a case urgent then."""
    case, _prediction = flagged_case(blind, CaseState.DRAFT)
    switch.stop(blind.clinic.id, blind.lead, "Wrong since noon.")
    own = lifecycle.log_case(lesion=case.lesion, by=blind.doctor)
    for person, seen in ((blind.staff, case), (blind.doctor, own)):
        page = sign_in(person).get(reverse("case_change", args=[seen.id])).content.decode()
        assert 'name="requested_urgency"' in page


@pytest.mark.parametrize("stopped", [False, True], ids=["blind", "stopped"])
@pytest.mark.parametrize("flagged", [True, False], ids=["by the AI", "by staff"])
def test_a_discharge_of_an_urgent_case_is_asked_about_without_telling_why_it_is_urgent(
    blind, case, sign_in, flagged, stopped
):
    opinion_on(case, **URGENT)
    Case.objects.filter(id=case.id).update(
        flagged_by_ai=flagged, urgency=Urgency.URGENT, requested_urgency=Urgency.ROUTINE if flagged else Urgency.URGENT
    )
    if stopped:
        commit(case, blind.doctor)
        switch.stop(blind.clinic.id, blind.lead, "Wrong since noon.")
    client = sign_in(blind.doctor)
    wish = read_form(management="discharge")
    asked = client.post(reverse("read_sign", args=[case.id]), wish)
    assert asked.status_code == 422
    page = asked.content.decode()
    assert "This case is marked urgent, and you chose discharge." in page
    assert "Nothing is signed yet." in page
    assert "The AI flagged" not in page
    assert "data-flagged" not in page
    assert client.post(reverse("read_sign", args=[case.id]), {**wish, "discharge_confirmed": "1"}).status_code == 302


# --- What another reader said ---------------------------------------------------------------------------------


def test_why_a_second_read_is_wanted_is_hidden_with_the_first(db, sign_in):
    cast = make_clinic("Double", second_read_all=True)
    case, other = waiting_case(cast), make_person(cast.clinic, Role.DOCTOR)
    sign(case, cast.doctor)
    address = reverse("case_detail", args=[case.id])
    assert "Second read. The first stays hidden" in sign_in(other).get(address).content.decode()
    assert "Why:" not in sign_in(other).get(address).content.decode()
    assert "Why:" in sign_in(cast.doctor).get(address).content.decode()


@pytest.mark.parametrize("withdrawn", [False, True])
def test_no_door_names_the_readers_to_the_lead_who_settles(db, sign_in, withdrawn):
    cast = make_clinic("Double", second_read_all=True)
    case, other = waiting_case(cast), make_person(cast.clinic, Role.DOCTOR, name="Second Reader")
    names = {cast.doctor.name, other.name}
    sign(case, cast.doctor, "NEV")
    last = sign(case, other, "MEL")
    if withdrawn:
        lifecycle.withdraw(case.id, "Logged twice.")
    case.refresh_from_db()
    assert blinding.hides_names(cast.lead, case, case.reads.all())
    for person, named in ((cast.lead, False), (cast.staff, True)):
        client = sign_in(person)
        listed = client.get("/api/v1/reads/", {"case": case.id}).json()["results"]
        one = client.get(f"/api/v1/reads/{last.id}/").json()
        readers = [read["reader"] and read["reader"]["name"] for read in [*listed, one]]
        assert set(readers) == (names if named else {None})
        by_reader = client.get("/api/v1/reads/", {"reader": other.id}).json()["results"]
        assert [read["id"] for read in by_reader] == ([str(last.id)] if named else [])
    for person, named in ((cast.lead, False), (cast.admin, True)):
        client = sign_in(person)
        workload = client.get(reverse("figures")).content.decode()
        assert ("Second Reader" in workload) is named
        behind = client.get(reverse("figure_cases", args=["workload"]), {"at": str(other.id)}).content.decode()
        assert (case.reference in behind) is named
        pages = [
            client.get(reverse("admin:cases_read_changelist")),
            client.get(reverse("admin:cases_read_change", args=[last.pk])),
        ]
        assert all(("Second Reader" in page.content.decode()) is named for page in pages)
        for address in (
            reverse("admin:cases_read_history", args=[last.pk]),
            reverse("admin:cases_case_history", args=[case.pk]),
        ):
            page = client.get(address)
            assert page.status_code == 200
            if not named:
                assert not any(name in page.content.decode() for name in names)
        assert client.get(reverse("admin:cases_read_changelist"), {"reader": other.pk}).status_code == 400
    if not withdrawn:
        with pytest.raises(reads.ReadConflict) as conflict:
            sign(case, cast.lead)
        assert not any(name in str(conflict.value) for name in names)


def test_the_history_of_a_read_that_was_signed_in_a_page_does_not_name_its_reader(db, sign_in):
    cast = make_clinic("Double", second_read_all=True)
    case, other = waiting_case(cast), make_person(cast.clinic, Role.DOCTOR, name="Second Reader")
    for reader, code in ((cast.doctor, "NEV"), (other, "MEL")):
        seen = read_form(condition=code)
        assert sign_in(reader).post(reverse("read_sign", args=[case.id]), seen).status_code == 302
    addresses = [
        *(reverse("admin:cases_read_history", args=[read.pk]) for read in case.reads.all()),
        reverse("admin:cases_case_history", args=[case.pk]),
    ]
    told = {}
    for person in (cast.lead, cast.admin):
        pages = [sign_in(person).get(address).content.decode() for address in addresses]
        told[person] = [name in "".join(pages) for name in (cast.doctor.name, other.name)]
    assert told == {cast.lead: [False, False], cast.admin: [True, True]}


@pytest.mark.parametrize("who_changed", ["staff", "second reader"])
def test_a_conflict_over_the_answers_does_not_name_a_reader_to_the_lead_who_settles(db, sign_in, who_changed):
    """Neither as who signed last, nor as who saved the answer; others are told who saved it."""
    cast = make_clinic("Double", second_read_all=True)
    case, other = waiting_case(cast), make_person(cast.clinic, Role.DOCTOR, name="Second Reader")
    address, answers = reverse("case_change", args=[case.id]), dict.fromkeys(Case.QUESTIONS, "unknown")
    seen = lifecycle.stamp(case)
    sign(case, cast.doctor, "NEV")
    saver = cast.staff if who_changed == "staff" else other
    saved = sign_in(saver).post(address, {**answers, "requested_urgency": "3", "note": "Bled in May.", "seen": seen})
    assert saved.status_code == 302
    signed = sign_in(other).post(reverse("read_sign", args=[case.id]), read_form(condition="MEL"))
    assert signed.status_code == 302
    told = {}
    for person in (cast.lead, cast.staff):
        wish = {**answers, "requested_urgency": "3", "note": "Bled in June.", "seen": seen}
        page = sign_in(person).post(address, wish)
        assert page.status_code == 422
        told[person] = page.content.decode()
    assert "Saved at " in told[cast.lead]
    assert not any(name in told[cast.lead] for name in (cast.doctor.name, other.name))
    assert f"Saved by {saver.name} at " in told[cast.staff]


def test_a_second_reader_does_not_see_the_first_read_of_a_withdrawn_case(db, sign_in):
    cast = make_clinic("Double", second_read_all=True)
    case = waiting_case(cast)
    read = sign(case, cast.doctor)
    lifecycle.withdraw(case.id, "Logged twice.")
    assert read not in access.reads(cast.lead)
    assert read in access.reads(cast.staff)
    assert "1 read is hidden" in sign_in(cast.lead).get(reverse("case_detail", args=[case.id])).content.decode()


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
