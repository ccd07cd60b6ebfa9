"""The start page: each role is shown what it must do next, and nothing that is not its to open."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from uuid6 import uuid7

from accounts.models import ApiToken, Membership, User
from accounts.roles import Role
from cases.models import Case, Condition, FirstOpinion, MailState, Notification, Prediction, ReadStage, Urgency
from cases.photo import retakes
from cases.prediction import switch
from cases.reading import drafts, reads, reservations
from inference.models import ModelState, ModelVersion
from tests.cases.models import registered_model
from tests.cases.readings import URGENT, predict
from tests.cast import make_case, make_image, make_person, waiting_case

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def alive(monkeypatch):
    """A worker was seen a moment ago."""
    monkeypatch.setattr("cases.worklist.today._heartbeat", timezone.now)


@pytest.fixture
def start(sign_in):
    """start(person) -> {key of a card: the card}, of a page whose every link opens and holds as many as is said."""

    def _start(person: User) -> dict:
        client = sign_in(person)
        parts = client.get(reverse("home")).context["parts"]
        cards = {card.key: card for part in parts for card in part.cards}
        addresses = {card.url for card in cards.values()} | {link.url for card in cards.values() for link in card.links}
        addresses |= {fact.url for part in parts for fact in part.facts if fact.url}
        for address in addresses - {reverse("worklist_next")}:
            assert client.get(address, follow=True).status_code == 200, address
        for address, said in numbers(parts):
            listed = client.get(address).context
            assert (len(listed["page"].rows), str(said)) == (said, str(tally_of(listed))), address
        return cards

    return _start


def numbers(parts: list) -> list[tuple[str, int]]:
    """(address of the worklist, the number beside it) of cards, of what they say beneath, and of facts."""
    cards = [card for part in parts for card in part.cards]
    said = [(card.url, card.number) for card in cards]
    said += [(link.url, link.words.split()[0]) for card in cards for link in card.links]
    said += [(fact.url, fact.value) for part in parts for fact in part.facts]
    return [
        (url, int(number)) for url, number in said if url.startswith(f"{reverse('worklist')}?") and number.isdigit()
    ]


def tally_of(listed) -> str:
    return next(str(tally) for tally in listed["tallies"] if tally.tab == listed["filters"].tab)


def late(case: Case, hours: int = 100) -> Case:
    Case.objects.filter(id=case.id).update(waiting_since=timezone.now() - timedelta(hours=hours))
    return case


def sign(case: Case, reader: User, condition: str = "NEV") -> None:
    reads.sign(
        case_id=case.id,
        reader=reader,
        read_id=uuid7(),
        condition=Condition.objects.get(code=condition),
        certainty="certain",
        management="discharge",
        ai_visible=False,
        newest_seen=None,
    )


def test_staff_take_photos_again_hand_out_reports_and_finish_their_drafts(alma, brno, start):
    wanted, signed, _draft = waiting_case(alma), waiting_case(alma), make_case(alma)
    retakes.ask(case_id=wanted.id, by=alma.doctor, request_id=uuid7(), faults=["blurred"])
    sign(signed, alma.doctor)
    make_case(brno)
    cards = start(alma.staff)
    assert {key: card.number for key, card in cards.items()} == {
        "photos-wanted": "1",
        "reports": "1",
        "drafts": "1",
        "new-case": "",
    }
    assert cards["photos-wanted"].links[0].url == reverse("case_detail", args=[wanted.id])


def test_staff_with_nothing_left_are_told_so(alma, start):
    cards = start(alma.staff)
    assert list(cards) == ["new-case"]
    assert "Nothing is left to do" in cards["new-case"].text


def test_a_doctor_reads_the_most_urgent_case_next(alma, start):
    waiting_case(alma)
    urgent = late(waiting_case(alma, requested_urgency=Urgency.URGENT), hours=1)
    card = start(alma.doctor)["next"]
    assert (card.number, card.tone) == ("2", "urgent")
    assert str(urgent.lesion.patient) in card.text
    assert "2\u00a0h\u00a0left" in card.text  # of four, and a moment has passed
    assert [link.words for link in card.links] == ["1 of them is urgent"]


def test_each_number_leads_to_so_many_cases(alma, start):
    """Beside what is counted there is always something that is not."""
    others = make_person(alma.clinic, Role.STAFF)
    Case.objects.filter(id=make_case(alma).id).update(created_by=others)
    make_case(alma)
    trainee, doctor = make_person(alma.clinic, Role.DOCTOR), make_person(alma.clinic, Role.DOCTOR)
    Membership.objects.filter(user=trainee).update(is_trainee=True)
    for number, stage in enumerate([ReadStage.FIRST, ReadStage.SECOND, ReadStage.SECOND, ReadStage.ARBITRATION]):
        for urgency in (Urgency.URGENT, Urgency.ROUTINE):
            case = late(waiting_case(alma), hours=100 if number % 2 else 1)
            sign(case, alma.lead if number == 1 else alma.doctor) if number else None
            reason = "trainee" if number == 2 else ""
            Case.objects.filter(id=case.id).update(
                state="waiting", urgency=urgency, read_stage=stage, second_read_reason=reason
            )
    reservations.reserve(waiting_case(alma, requested_urgency=Urgency.URGENT), alma.doctor)
    for hours in (1, 100):
        wanted = waiting_case(alma)
        retakes.ask(case_id=wanted.id, by=alma.doctor, request_id=uuid7(), faults=["blurred"])
        late(wanted, hours)
    cards = start(alma.lead)
    assert (cards["overdue"].number, cards["overdue"].links[0].words) == ("4", "1 more waits for new photos")
    assert cards["second-reads"].number == "2"  # their own first reads are not theirs to confirm
    assert [start(person)["next"].number for person in (trainee, doctor)] == ["4", "6"]
    assert start(alma.staff)["drafts"].number == "1"
    assert start(alma.admin)["overdue"].number == "4"
    Case.objects.filter(state="waiting").update(state="draft")
    assert start(alma.lead)["overdue"].url.endswith("?tab=photos&late=1")


def test_a_case_that_came_back_was_sent_once(alma, sign_in):
    case = waiting_case(alma)
    yesterday = timezone.now() - timedelta(days=1)
    Case.objects.filter(id=case.id).update(created_at=yesterday, first_waiting_since=yesterday)
    (part,) = sign_in(alma.staff).get(reverse("home")).context["parts"]
    assert [fact.value for fact in part.facts] == ["1", "0", "0", "0"]


def test_a_number_is_followed_by_small_letters(alma, start):
    late(waiting_case(alma), hours=80)
    cards = start(alma.lead)
    assert {"next", "overdue"} <= set(cards)
    assert all(card.title[0].islower() for card in cards.values() if card.number)


def test_what_is_late_is_said_once(alma, sign_in):
    client = sign_in(alma.lead)
    assert "Over the target" in client.get(reverse("home")).content.decode()
    late(waiting_case(alma), hours=80)
    page = client.get(reverse("home")).content.decode()
    assert "ase over its target" in page
    assert "Over the target" not in page


def test_a_doctor_goes_on_with_what_they_have_begun_until_it_is_signed(alma, start):
    case = waiting_case(alma)
    fields = {"condition": None, "certainty": "probable", "management": "", "comment": ""}
    drafts.save(case, alma.doctor, version=0, **fields)
    assert start(alma.doctor)["unfinished"].url == reverse("case_detail", args=[case.id])
    assert "unfinished" not in start(alma.lead)
    sign(case, alma.doctor)
    assert "unfinished" not in start(alma.doctor)


def test_second_reads_are_for_others_and_arbitrations_for_leads(alma, start):
    second, disputed = waiting_case(alma), waiting_case(alma)
    sign(second, alma.doctor)
    Case.objects.filter(id=second.id).update(state="waiting", read_stage=ReadStage.SECOND, signed_at=None)
    Case.objects.filter(id=disputed.id).update(read_stage=ReadStage.ARBITRATION)
    other = make_person(alma.clinic, Role.DOCTOR)
    assert start(alma.doctor) == {}
    assert start(other)["second-reads"].number == "1"
    assert "arbitrations" not in start(other)
    assert start(alma.lead)["arbitrations"].number == "1"


def test_the_days_own_figures_count_what_the_ai_changed(alma, sign_in):
    case = waiting_case(alma)
    FirstOpinion.objects.create(
        case=case,
        reader=alma.doctor,
        condition=Condition.objects.get(code="MEL"),
        certainty="certain",
        management="biopsy",
    )
    sign(case, alma.doctor)
    sign(late(waiting_case(alma)), alma.doctor)
    (part,) = sign_in(alma.doctor).get(reverse("home")).context["parts"]
    assert [fact.value for fact in part.facts] == ["2", "1 of 2", "1"]
    (part,) = sign_in(make_person(alma.clinic, Role.DOCTOR)).get(reverse("home")).context["parts"]
    assert [fact.value for fact in part.facts] == ["0", "–", "0"]


def test_in_time_is_what_the_figure_that_it_leads_to_says(alma, sign_in):
    """Of the cases signed today that the reader has read; new photos begin the target anew."""
    came_back, slow, theirs, half_read = (waiting_case(alma) for _each in range(4))
    Case.objects.filter(id=came_back.id).update(first_waiting_since=timezone.now() - timedelta(hours=200))
    late(slow)
    alma.clinic.second_read_all = True
    alma.clinic.save()
    sign(half_read, alma.doctor)
    alma.clinic.second_read_all = False
    alma.clinic.save()
    for case, reader in ((came_back, alma.doctor), (slow, alma.doctor), (theirs, alma.lead)):
        sign(case, reader)
    for person, said in ((alma.doctor, "1 of 2"), (alma.lead, "1 of 1")):
        client = sign_in(person)
        part = client.get(reverse("home")).context["parts"][0]
        (fact,) = (fact for fact in part.facts if fact.label == "Signed within the target")
        assert fact.value == said
        figures = {figure.key: figure for figure in client.get(fact.url).context["figures"]}
        shares = [row.values[0] for row in figures["turnaround"].rows]
        assert f"{sum(share.hits for share in shares)} of {sum(share.n for share in shares)}" == said


def test_a_lead_sees_what_is_late_flagged_anew_and_to_be_judged(alma, start, sign_in):
    active, candidate = registered_model(), registered_model(ModelState.CANDIDATE)
    late(waiting_case(alma))
    signed = waiting_case(alma)
    sign(signed, alma.doctor)
    predict(signed.images.get(), active)
    predict(signed.images.get(), candidate, silent=True, **URGENT)
    switch.stop(alma.clinic.id, by=alma.lead, reason="Odd answers")
    cards = start(alma.lead)
    assert {key: cards[key].number for key in ("overdue", "flagged", "candidates")} == {
        "overdue": "1",
        "flagged": "1",
        "candidates": "1",
    }
    newest = sign_in(alma.lead).get(cards["flagged"].url)
    assert newest.url == reverse("rescored_cases", args=[candidate.id])
    assert "Odd answers" in cards["ai-stopped"].text
    assert not {"overdue", "flagged", "candidates"} & set(start(alma.doctor))


def test_a_lead_hears_of_a_shift_only_from_enough_photos(alma, start, monkeypatch):
    active = registered_model()
    active.metrics = {"test": {"confusion": [[50, 0, 0], [0, 50, 0], [0, 0, 50]], "classes": ["NEV", "BCC", "MEL"]}}
    active.save()
    monkeypatch.setattr("cases.figures.drift.bundle_of", lambda version: None)
    case = waiting_case(alma)
    all_melanoma = {"probabilities": [["MEL", 0.9], ["NEV", 0.1]]}
    for _photo in range(99):
        predict(make_image(case), active, **all_melanoma)
    assert "drift" not in start(alma.lead)
    predict(make_image(case), active, **all_melanoma)
    assert "100 photos" in start(alma.lead)["drift"].text


def test_an_admin_sees_people_tokens_mails_and_the_services_health(alma, brno, start):
    User.objects.update(last_login=timezone.now())
    registered_model()
    assert start(alma.admin) == {}
    make_person(alma.clinic, Role.STAFF)
    make_person(brno.clinic, Role.STAFF)
    for days in (5, 60):
        token = ApiToken.objects.create(alma.integration, name="Robot")[0]
        ApiToken.objects.filter(pk=token.pk).update(expiry=timezone.now() + timedelta(days=days))
    case = waiting_case(alma)
    Notification.objects.create(
        person=alma.doctor, kind="overdue", event="x", clinic=alma.clinic, case=case, mail_state=MailState.FAILED
    )
    predict(case.images.get(), ModelVersion.objects.get(), state="failed", reason="Broke off.", probabilities=None)
    assert {key: card.number for key, card in start(alma.admin).items()} == {
        "never": "1",
        "tokens": "1",
        "mails": "1",
        "failed": "1",
    }


def test_an_admin_is_told_of_a_silent_worker_a_full_disk_a_stuck_queue_and_no_model(alma, start, monkeypatch):
    monkeypatch.setattr("cases.worklist.today._heartbeat", lambda: timezone.now() - timedelta(minutes=2))
    monkeypatch.setattr("skinclinic.health.free_bytes", lambda: 10)
    model = registered_model()
    predict(waiting_case(alma).images.get(), model, state="queued", finished_at=None, probabilities=None)
    Prediction.objects.update(queued_at=timezone.now() - timedelta(minutes=6))
    ModelVersion.objects.update(state=ModelState.RETIRED)
    assert {"worker", "disk", "queue", "model"} <= set(start(alma.admin))


def test_who_runs_every_clinic_sees_those_without_a_role_and_can_give_one(alma, start, sign_in, client):
    lost = make_person(None, name="Lost Person")
    assert start(alma.admin)["roleless"].number == "1"
    page = client.get(start(alma.admin)["roleless"].url).content.decode()
    assert "Lost Person" in page
    assert alma.doctor.name not in page
    assert client.get(reverse("admin:accounts_user_change", args=[lost.pk])).status_code == 200


def test_with_another_clinic_an_admin_does_not_see_those_without_a_role(alma, brno, start):
    make_person(None)
    assert "roleless" not in start(alma.admin)


def test_a_program_is_told_of_its_tokens(alma, start):
    assert "No API token works" in start(alma.integration)["tokens"].title
    token = ApiToken.objects.create(alma.integration, name="Robot")[0]
    assert set(start(alma.integration)) == {"api"}
    ApiToken.objects.filter(pk=token.pk).update(expiry=timezone.now() + timedelta(days=2))
    assert start(alma.integration)["tokens"].number == "1"


def test_the_platforms_operator_sees_how_the_service_is(db, sign_in):
    make_person(None)
    page = sign_in(User.objects.create_superuser("operator@example.org", name="Operator")).get(reverse("home"))
    (part,) = page.context["parts"]
    assert [(card.key, card.number) for card in part.cards] == [("model", ""), ("roleless", "1")]


def test_several_roles_have_the_parts_of_all(alma, sign_in):
    Membership.objects.create(user=alma.lead, clinic=alma.clinic, role=Role.ADMIN)
    parts = sign_in(alma.lead).get(reverse("home")).context["parts"]
    assert [part.key for part in parts] == ["reading", "leading", "running"]


@pytest.mark.parametrize("role", list(Role))
def test_the_page_asks_little_however_much_there_is(alma, role, django_assert_max_num_queries):
    """Fewer than twelve queries, of which the session, the person and their roles are three."""
    registered_model()
    registered_model(ModelState.CANDIDATE)
    for number in range(6):
        case = late(waiting_case(alma), hours=number * 40)
        fields = {"condition": None, "certainty": "probable", "management": "", "comment": ""}
        drafts.save(case, alma.role(role), version=0, **fields)
        retakes.ask(case_id=waiting_case(alma).id, by=alma.doctor, request_id=uuid7(), faults=["blurred"])
        sign(waiting_case(alma), alma.lead)
    client = Client()
    client.force_login(alma.role(role), backend="allauth.account.auth_backends.AuthenticationBackend")
    client.get(reverse("home"))
    with django_assert_max_num_queries(11):
        page = client.get(reverse("home"))
    assert page.context["parts"][0].cards
