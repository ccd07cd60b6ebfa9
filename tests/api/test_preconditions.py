"""`ETag` and `If-Match`: who writes on what they fetched is told when somebody else changed it meanwhile."""

import threading
import time
from unittest import mock

import pytest
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiToken, Clinic
from cases import blinding
from cases.api.cases import CaseSerializer
from cases.api.lesions import LesionSerializer
from cases.api.patients import PatientSerializer
from cases.models import Case, Lesion, Patient, Urgency
from cases.record import lesions, lifecycle, patients
from tests.api.test_record import V1
from tests.cases.test_blinding import commit
from tests.cast import make_case, make_clinic, make_patient, waiting_case

# What a PATCH may write, by kind of record, with another value than a new record has.
OTHER = {
    "cases": {**dict.fromkeys(Case.QUESTIONS, "yes"), "requested_urgency": "soon", "note": "Itches."},
    "patients": {
        "mrn": "B-7",
        "family_name": "Horák",
        "given_name": "Jana",
        "birth_date": "1970-01-01",
        "sex": "female",
        "fitzpatrick": 3,
        "ai_consent": "refused",
        "training_consent": "granted",
    },
    "lesions": {"body_site": "nose", "side": "right", "note": "by the wing"},
}
# What carries it out: a module, and the name of its function.
SERVICES = {"cases": (lifecycle, "change"), "patients": (patients, "update"), "lesions": (lesions, "change")}
FIELDS = [(kind, name) for kind, others in OTHER.items() for name in others]


def address(cast, kind) -> str:
    made = {"cases": make_case, "patients": make_patient, "lesions": lambda cast: make_case(cast).lesion}[kind](cast)
    return f"{V1}/{kind}/{made.id}/"


def row(kind, url) -> dict:
    return type_of(kind).objects.filter(id=url.split("/")[-2]).values().get()


def type_of(kind):
    return {"cases": Case, "patients": Patient, "lesions": Lesion}[kind]


def patch(client, url, body, tag=None, **headers):
    return client.patch(url, body, format="json", headers={**({"If-Match": tag} if tag else {}), **headers})


@pytest.mark.parametrize(
    ("kind", "serializer"), [("cases", CaseSerializer), ("patients", PatientSerializer), ("lesions", LesionSerializer)]
)
def test_every_field_that_a_patch_writes_is_tried_here(kind, serializer):
    stays = {"id", "lesion", "clinic", "patient"}
    assert {name for name, field in serializer().fields.items() if not field.read_only} - stays == set(OTHER[kind])


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_what_somebody_else_changed_meanwhile_is_not_written_over(alma, api, kind, name):
    url, mine, theirs = address(alma, kind), api(alma.staff), api(alma.doctor)
    tag = mine.get(url)["ETag"]
    changed = patch(theirs, url, {name: OTHER[kind][name]})
    assert changed.status_code == 200, changed.content
    before = row(kind, url)
    for wish in OTHER[kind].items():
        refused = patch(mine, url, dict([wish]), tag)
        assert (refused.status_code, refused.json()["code"]) == (412, "changed")
        assert set(refused.json()) == {"detail", "code"}
    assert row(kind, url) == before
    assert mine.get(url)["ETag"] == changed["ETag"]
    assert patch(mine, url, OTHER[kind], changed["ETag"]).status_code == 200


@pytest.mark.parametrize("kind", OTHER)
def test_an_answer_to_a_write_has_the_tag_for_the_next_one(alma, api, kind):
    url, client = address(alma, kind), api(alma.staff)
    tag = client.get(url)["ETag"]
    for name, value in OTHER[kind].items():
        answer = patch(client, url, {name: value}, tag)
        assert answer.status_code == 200, answer.content
        assert tag != answer["ETag"] == client.get(url)["ETag"]
        tag = answer["ETag"]


@pytest.mark.parametrize("kind", OTHER)
def test_the_header_is_read_as_http_says(alma, api, kind):
    url, client = address(alma, kind), api(alma.staff)
    body = {"given_name": "Mine"} if kind == "patients" else {"note": "Mine"}
    tag, before = client.get(url)["ETag"], row(kind, url)
    assert tag[0] == tag[-1] == '"'
    # A weak tag does not promise that nothing changed.
    for no_match in (f"W/{tag}", '"another"', f'"one", W/{tag}', '""'):
        assert patch(client, url, body, no_match).status_code == 412, no_match
    # Not taken for a request that has no condition.
    for no_tag in (tag.strip('"'), " ", "W/", ","):
        answer = patch(client, url, body, no_tag)
        assert (answer.status_code, answer.json()["code"]) == (400, "if_match"), no_tag
    assert row(kind, url) == before
    for number, form in enumerate(("{}", "*", '"one",{} , W/"other"')):
        wish = {name: f"{value} {number}" for name, value in body.items()}
        assert patch(client, url, wish, form.format(client.get(url)["ETag"])).status_code == 200, form


@pytest.mark.parametrize("kind", OTHER)
def test_without_the_header_the_fields_that_are_sent_are_written_and_no_others(alma, api, kind):
    """Somebody else changes another field while the request is at work."""
    url, (mine, theirs) = address(alma, kind), list(OTHER[kind].items())[:2]
    write = getattr(*SERVICES[kind])

    def after_them(*args, **fields):
        type_of(kind).objects.filter(id=url.split("/")[-2]).update(**dict([theirs]))
        return write(*args, **fields)

    with mock.patch.object(*SERVICES[kind], after_them):
        answer = patch(api(alma.staff), url, dict([mine])).json()
    assert [answer[name] for name, _value in (mine, theirs)] == [mine[1], theirs[1]]
    assert row(kind, url)[theirs[0]] == theirs[1]


def test_it_opens_no_door(alma, brno, api):
    url = address(alma, "cases")
    for tag in ("*", '"guessed"'):
        assert patch(api(brno.staff), url, {"note": "x"}, tag).status_code == 404
    assert patch(APIClient(), url, {"note": "x"}, "*").status_code == 401


def test_other_writes_of_a_case_heed_it_too(alma, api):
    case, client, doctor = waiting_case(alma), api(alma.staff), api(alma.doctor)
    url = f"{V1}/cases/{case.id}/"
    stale = client.get(url)["ETag"]
    lifecycle.change(case.id, note="More.")
    writes = [("withdraw", {"reason": "Twice"}), ("photos-wanted", {"faults": ["dark"]}), ("send", {}), ("restore", {})]
    for action, body in writes:
        asks = doctor if action == "photos-wanted" else client
        assert asks.post(f"{url}{action}/", body, format="json", headers={"If-Match": stale}).status_code == 412
    case.refresh_from_db()
    assert case.state == "waiting"
    for action, body in [writes[0], writes[3], writes[2], writes[1]]:
        asks = doctor if action == "photos-wanted" else client
        tag = asks.get(url)["ETag"]
        answer = asks.post(f"{url}{action}/", body, format="json", headers={"If-Match": tag})
        assert (answer.status_code, answer["ETag"]) == (200, asks.get(url)["ETag"])


def test_a_repeat_with_the_same_key_gets_the_first_answer_and_no_412(alma, api):
    url, client = address(alma, "cases"), api(alma.staff)
    tag = client.get(url)["ETag"]
    first = patch(client, url, {"note": "Mine"}, tag, **{"Idempotency-Key": "a"})
    lifecycle.change(Case.objects.get().id, note="Theirs")
    again = patch(client, url, {"note": "Mine"}, tag, **{"Idempotency-Key": "a"})
    assert (first.status_code, again.status_code, again["Idempotent-Replayed"]) == (200, 200, "true")
    assert first.content == again.content
    # The state that it shows is over: whoever writes next fetches it first.
    assert "ETag" not in again
    assert Case.objects.get().note == "Theirs"
    assert patch(client, url, {"note": "Other"}, tag, **{"Idempotency-Key": "a"}).status_code == 422

    # Nothing was done: the same key is good for the state as it is now.
    assert patch(client, url, {"note": "Next"}, tag, **{"Idempotency-Key": "b"}).status_code == 412
    fresh = client.get(url)["ETag"]
    assert patch(client, url, {"note": "Next"}, fresh, **{"Idempotency-Key": "b"}).status_code == 200
    assert Case.objects.get().note == "Next"


@pytest.mark.parametrize("kind", OTHER)
def test_who_has_the_newest_state_is_told_so_without_it(alma, api, kind):
    url, client = address(alma, kind), api(alma.staff)
    answer = client.get(url)
    for known in (answer["ETag"], f'"old", W/{answer["ETag"]}', "*"):
        same = client.get(url, headers={"If-None-Match": known})
        assert (same.status_code, same.content, same["ETag"]) == (304, b"", answer["ETag"])
    assert client.get(url, headers={"If-None-Match": '"old"'}).json() == answer.json()
    assert answer["Cache-Control"] == "private, no-cache"


class TestBlindReaders:
    """A tag tells nobody what the record does not."""

    def tags(self, client, url, case) -> set[str]:
        """One for each way in which a case can have become urgent."""
        found = set()
        for asked, flagged in ((Urgency.URGENT, False), (Urgency.URGENT, True), (Urgency.ROUTINE, True)):
            Case.objects.filter(id=case.id).update(
                requested_urgency=asked, flagged_by_ai=flagged, urgency=Urgency.URGENT
            )
            found.add(client.get(url)["ETag"])
        return found

    def test_it_does_not_change_with_what_is_hidden(self, db, api):
        cast = make_clinic("Blind", read_first=True)
        case = waiting_case(cast)
        url, doctor = f"{V1}/cases/{case.id}/", api(cast.doctor)
        assert blinding.hides_ai(cast.doctor, case)
        assert len(self.tags(doctor, url, case)) == 1
        assert len(self.tags(api(cast.staff), url, case)) == 3
        commit(case, cast.doctor)
        assert len(self.tags(doctor, url, case)) == 3

    def test_it_changes_with_what_somebody_may_overwrite_unseen(self, alma, api):
        """While the AI is stopped nobody is shown what was asked for, and staff may ask for something else."""
        Clinic.objects.update(ai_stopped_at=timezone.now(), ai_stopped_by=alma.lead)
        case = waiting_case(alma)
        url, staff = f"{V1}/cases/{case.id}/", api(alma.staff)
        shown = staff.get(url)
        assert shown.json()["requested_urgency"] is None
        Case.objects.filter(id=case.id).update(requested_urgency=Urgency.URGENT, urgency=Urgency.URGENT)
        Case.objects.filter(id=case.id).update(urgency=Urgency.ROUTINE)  # as if nothing that is shown had changed
        assert staff.get(url).json() == shown.json()
        assert patch(staff, url, {"requested_urgency": "soon"}, shown["ETag"]).status_code == 412


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", OTHER)
def test_of_several_who_write_on_the_same_state_at_once_one_does(alma, kind):
    """The state is compared under the row's lock: between that and the write nobody else comes."""
    url, token = address(alma, kind), ApiToken.objects.create(alma.staff, name="race")[1]
    name = "given_name" if kind == "patients" else "note"

    def client() -> APIClient:
        signed_in = APIClient()
        signed_in.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        return signed_in

    tag, begin, answers = client().get(url)["ETag"], threading.Barrier(3, timeout=20), {}
    write = getattr(*SERVICES[kind])

    def slowly(*args, **fields):
        time.sleep(0.3)  # the others have compared by now, if they can
        return write(*args, **fields)

    def ask(word):
        try:
            begin.wait()
            answers[word] = patch(client(), url, {name: word}, tag)
        finally:
            connections.close_all()

    with mock.patch.object(*SERVICES[kind], slowly):
        threads = [threading.Thread(target=ask, args=[word]) for word in ("One", "Two", "Three")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    assert sorted(answer.status_code for answer in answers.values()) == [200, 412, 412]
    [won] = [word for word, answer in answers.items() if answer.status_code == 200]
    assert row(kind, url)[name] == won
