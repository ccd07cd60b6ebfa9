"""Who is told what, once, where they want it; and mails that say nothing about a patient."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone
from PIL import Image

from accounts.models import Membership
from cases.models import Case, Condition, MailState, Notification, NotificationKind, Urgency
from cases.notifications import choices, inbox, telling, words
from cases.notifications import mail as notification_mail
from cases.notifications.choices import Choice
from cases.photo import retakes
from cases.prediction import asking, computing
from cases.reading import reads
from cases.record import lifecycle, outcomes
from cases.worklist import escalation
from tests.cases.models import FakeEngine, registered_model
from tests.cast import make_case, make_image, make_patient, make_person, waiting_case

pytestmark = pytest.mark.django_db
KIND = NotificationKind


def told(person, kind=None) -> list[str]:
    found = inbox.listed(person)
    return [str(each.kind) for each in (found.filter(kind=kind) if kind else found)]


def signed(cast, code="NEV", reader=None) -> Case:
    case = waiting_case(cast)
    sign(case, reader or cast.doctor, code)
    case.refresh_from_db()
    return case


def sign(case, reader, code="NEV", management="discharge"):
    last = reads.newest(case)
    return reads.sign(
        case_id=case.id,
        reader=reader,
        read_id=uuid4(),
        condition=Condition.objects.get(code=code),
        certainty="certain",
        management=management,
        ai_visible=False,
        newest_seen=last.id if last else None,
    )


def biopsy(cast, case, code, replaces=None):
    return outcomes.record(
        case_id=case.id,
        by=cast.lead,
        condition=Condition.objects.get(code=code),
        reported_on=timezone.localdate(),
        replaces=replaces,
    )


def own(person, kind) -> Notification:
    return Notification.objects.get(person=person, kind=kind)


class TestWho:
    def test_doctors_hear_of_an_urgent_case_and_nobody_else(self, alma, brno):
        waiting_case(alma, requested_urgency=Urgency.URGENT)
        waiting_case(alma, requested_urgency=Urgency.SOON)
        assert told(alma.doctor) == told(alma.lead) == [KIND.URGENT_WAITING]
        for person in (alma.staff, alma.admin, alma.integration, brno.doctor):
            assert told(person) == []

    def test_a_case_that_becomes_urgent_while_it_waits_is_told_once(self, alma):
        case = waiting_case(alma)
        lifecycle.change(case.id, requested_urgency=Urgency.URGENT)
        lifecycle.change(case.id, requested_urgency=Urgency.ROUTINE)
        lifecycle.change(case.id, requested_urgency=Urgency.URGENT)
        assert told(alma.doctor) == [KIND.URGENT_WAITING]

    def test_a_draft_is_nobodys_business(self, alma):
        case = make_case(alma)
        lifecycle.change(case.id, requested_urgency=Urgency.URGENT)
        assert told(alma.doctor) == []
        make_image(case)
        lifecycle.send(case.id)
        assert told(alma.doctor) == [KIND.URGENT_WAITING]

    def test_what_is_about_a_logged_case_goes_to_who_logged_it(self, alma):
        colleague = make_person(alma.clinic, "staff")
        telling.notify(KIND.PHOTOS_WANTED, case=waiting_case(alma))
        assert told(alma.staff) == [KIND.PHOTOS_WANTED]
        assert told(colleague) == []

    @pytest.mark.parametrize("gone", ["inactive", "left", "integration"])
    def test_and_to_all_where_that_is_nobody(self, alma, gone):
        case, colleague = waiting_case(alma), make_person(alma.clinic, "staff")
        if gone == "inactive":
            type(alma.staff).objects.filter(id=alma.staff.id).update(is_active=False)
        elif gone == "left":
            Membership.objects.filter(user=alma.staff).delete()
        else:
            case.created_by = alma.integration
        telling.notify(KIND.REPORT_READY, case=case)
        assert told(colleague) == [KIND.REPORT_READY]
        assert not Notification.objects.filter(person=alma.integration).exists()

    def test_who_leaves_the_clinic_sees_nothing_of_it_any_more(self, alma, brno):
        telling.notify(KIND.PHOTOS_WANTED, case=waiting_case(alma))
        Membership.objects.filter(user=alma.staff).update(clinic=brno.clinic)
        person = type(alma.staff).objects.get(id=alma.staff.id)
        assert told(person) == []
        assert notification_mail.sweep() == 0


class TestOnce:
    def test_the_same_event_twice_is_told_once_and_another_occasion_again(self, alma):
        case = waiting_case(alma)
        for occasion in ("one", "one", "two"):
            telling.notify(KIND.PHOTOS_WANTED, case=case, occasion=occasion)
        assert len(told(alma.staff)) == 2
        assert notification_mail.sweep() == 2

    def test_what_is_rolled_back_was_not_told(self, alma):
        case = waiting_case(alma)
        with transaction.atomic():
            telling.notify(KIND.PHOTOS_WANTED, case=case)
            assert Notification.objects.exists()
            transaction.set_rollback(True)
        assert not Notification.objects.exists()

    def test_what_can_be_undone_is_held_back_and_can_be_retracted(self, alma, monkeypatch):
        case = waiting_case(alma)
        for occasion in ("kept", "undone"):
            telling.notify(KIND.PHOTOS_WANTED, case=case, occasion=occasion, after=timedelta(seconds=15))
        assert told(alma.staff) == []
        assert notification_mail.sweep() == 0
        telling.retract(KIND.PHOTOS_WANTED, case, "undone")
        later = timezone.now() + timedelta(seconds=16)
        monkeypatch.setattr(timezone, "now", lambda: later)
        assert told(alma.staff) == [KIND.PHOTOS_WANTED]
        assert notification_mail.sweep() == 1

    def test_what_is_dealt_with_is_news_to_nobody(self, alma):
        case = waiting_case(alma, requested_urgency=Urgency.URGENT)
        assert inbox.unread(alma.lead) == 1
        telling.settle(KIND.URGENT_WAITING, case)
        assert inbox.unread(alma.lead) == 0
        assert told(alma.lead) == [KIND.URGENT_WAITING]
        assert notification_mail.sweep() == 0


class TestOutcome:
    def test_tells_the_readers_how_they_did(self, alma):
        case = signed(alma, "NEV")
        outcome = biopsy(alma, case, "MEL")
        line = words.lines(alma.doctor, list(inbox.listed(alma.doctor)))[0]
        assert line.title == "A biopsy result is known"
        assert line.text.startswith(f"The biopsy of a case you read says {outcome.condition}; you said ")
        assert case.reference in line.text
        assert told(alma.lead) == []
        assert told(alma.staff) == [KIND.REPORT_AMENDED]

    def test_and_that_they_were_right(self, alma):
        case = signed(alma, "MEL")
        biopsy(alma, case, "MEL")
        line = words.lines(alma.doctor, list(inbox.listed(alma.doctor)))[0]
        assert "as you did" in line.text

    def test_a_corrected_result_is_news_where_it_differs(self, alma):
        case = signed(alma)
        first = biopsy(alma, case, "MEL")
        biopsy(alma, case, "BCC", replaces=first.recorded_at)
        assert told(alma.doctor) == [KIND.OUTCOME_KNOWN, KIND.OUTCOME_KNOWN]
        # Both say what is true now.
        assert len({line.text for line in _lines(alma.doctor)}) == 1


def _lines(person):
    return words.lines(person, list(inbox.listed(person)))


class TestReading:
    """What signing, undoing and asking for photos tells; nothing before it can no longer be undone."""

    @pytest.fixture
    def later(self, monkeypatch):
        moment = timezone.now() + timedelta(seconds=20)
        return lambda: monkeypatch.setattr(timezone, "now", lambda: moment)

    def test_a_signed_case_has_a_report_and_is_urgent_no_more(self, alma, later):
        case = waiting_case(alma, requested_urgency=Urgency.URGENT)
        sign(case, alma.doctor)
        assert inbox.unread(alma.lead) == 0
        assert told(alma.staff) == []
        later()
        assert told(alma.staff) == [KIND.REPORT_READY]

    def test_an_amended_report_is_told_apart(self, alma, later):
        case = signed(alma)
        sign(case, alma.doctor, code="MEL")
        later()
        assert sorted(told(alma.staff)) == [KIND.REPORT_AMENDED, KIND.REPORT_READY]

    def test_what_is_taken_back_is_not_told(self, alma, later):
        case = waiting_case(alma)
        reads.take_back(sign(case, alma.doctor).id, alma.doctor)
        later()
        assert told(alma.staff) == []

    def test_what_a_signature_settled_is_news_again_when_it_is_undone(self, alma):
        case = waiting_case(alma, requested_urgency=Urgency.URGENT)
        telling.notify(KIND.OVERDUE, case=case)
        inbox.mark_read(inbox.listed(alma.doctor))
        mails = Notification.objects.filter(mail_state=MailState.QUEUED)
        queued = mails.exclude(person=alma.doctor).count()
        read = sign(case, alma.doctor)
        assert (inbox.unread(alma.lead), mails.count()) == (0, 0)
        reads.take_back(read.id, alma.doctor)
        # But for whoever had read it before.
        assert (inbox.unread(alma.doctor), inbox.unread(alma.lead)) == (0, 2)
        assert mails.count() == queued
        assert notification_mail.sweep() == queued > 0

    def test_a_disagreement_that_a_lead_settled_is_news_again_when_it_is_undone(self, alma, later):
        alma.clinic.second_read_all = True
        alma.clinic.save()
        case, lead = waiting_case(alma), make_person(alma.clinic, "lead")
        sign(case, alma.doctor, code="NEV")
        sign(case, make_person(alma.clinic, "doctor"), code="MEL")
        reads.take_back(sign(case, alma.lead, code="MEL").id, alma.lead)
        later()
        assert inbox.unread(lead) == inbox.unread(alma.lead) == 1
        assert notification_mail.sweep() == 2

    def test_a_disagreement_is_for_a_lead_who_has_not_read_the_case(self, alma, later):
        alma.clinic.second_read_all = True
        alma.clinic.save()
        other_lead = make_person(alma.clinic, "lead")
        case = waiting_case(alma)
        sign(case, alma.doctor, code="NEV")
        sign(case, other_lead, code="MEL", management="urgent_referral")
        later()
        assert told(alma.lead) == [KIND.ARBITRATION]
        assert told(other_lead) == told(alma.doctor) == told(alma.staff) == []

    def test_photos_are_wanted_until_they_came(self, alma):
        case, asked = waiting_case(alma, requested_urgency=Urgency.URGENT), uuid4()
        retakes.ask(case_id=case.id, by=alma.doctor, request_id=asked, faults=["blurred"])
        retakes.ask(case_id=case.id, by=alma.doctor, request_id=asked, faults=["blurred"])
        assert told(alma.staff) == [KIND.PHOTOS_WANTED]
        assert inbox.unread(alma.lead) == 0
        make_image(case)
        lifecycle.send(case.id, by=alma.staff)
        assert inbox.unread(alma.staff) == 0
        assert inbox.unread(alma.lead) == 1  # it is urgent, and waits again

    def test_photos_that_are_not_wanted_after_all_are_not_told(self, alma):
        asked = retakes.ask(case_id=waiting_case(alma).id, by=alma.doctor, request_id=uuid4(), faults=["blurred"])
        retakes.take_back(asked.id, alma.doctor)
        assert told(alma.staff) == []

    def test_an_urgent_case_that_is_taken_back_or_restored_is_told_again(self, alma):
        case = waiting_case(alma, requested_urgency=Urgency.URGENT)
        asked = retakes.ask(case_id=case.id, by=alma.doctor, request_id=uuid4(), faults=["blurred"])
        assert inbox.unread(alma.lead) == 0
        retakes.take_back(asked.id, alma.doctor)
        assert inbox.unread(alma.lead) == 1
        lifecycle.withdraw(case.id, "by mistake")
        assert inbox.unread(alma.lead) == 0
        lifecycle.restore(case.id)
        assert inbox.unread(alma.lead) == 1

    @pytest.mark.parametrize(
        "asks", [KIND.PHOTOS_WANTED, KIND.PHOTOS_DUE, KIND.DUE_SOON, KIND.OVERDUE, KIND.ARBITRATION]
    )
    def test_a_withdrawn_case_asks_nothing_of_anybody_and_a_restored_one_asks_again(self, alma, asks, later):
        type(alma.clinic).objects.update(second_read_all=True, target_hours_soon=4)
        case = waiting_case(alma, requested_urgency=Urgency.SOON)
        if asks in (KIND.PHOTOS_WANTED, KIND.PHOTOS_DUE):
            retakes.ask(case_id=case.id, by=alma.doctor, request_id=uuid4(), faults=["blurred"])
        if asks == KIND.ARBITRATION:
            sign(case, alma.doctor, code="NEV")
            sign(case, make_person(alma.clinic, "doctor"), code="MEL")
        hours = {KIND.DUE_SOON: 3.5, KIND.OVERDUE: 5, KIND.PHOTOS_DUE: 5}.get(asks, 0)
        Case.objects.update(waiting_since=timezone.now() - timedelta(hours=hours))
        later()
        escalation.sweep()

        def asked() -> tuple[int, int]:
            told_of_it = Notification.objects.filter(case=case, kind=asks)
            return told_of_it.filter(read_at=None).count(), told_of_it.filter(mail_state=MailState.QUEUED).count()

        before = asked()
        assert before[0]
        lifecycle.withdraw(case.id, "by mistake")
        assert asked() == (0, 0)
        lifecycle.restore(case.id)
        escalation.sweep()
        assert asked() == before


class TestMail:
    def test_holds_nothing_about_the_patient_or_the_case(self, alma, settings):
        settings.PUBLIC_URL = "https://skin.example"
        patient = make_patient(alma, family_name="Geheimová", given_name="Ludmila", mrn="SECRET-7")
        case = waiting_case(alma, patient=patient, note="Bleeds at night")
        for kind in KIND:
            if kind != KIND.TRAINING_DONE:
                telling.notify(kind, case=case, people=[alma.staff])
        Notification.objects.update(mail_state=MailState.QUEUED, mail_due_at=timezone.now())
        assert notification_mail.sweep() == len(KIND) - 1
        for sent in mail.outbox:
            text = f"{sent.subject} {sent.body} {sent.extra_headers}"
            for secret in ("Geheimov", "Ludmila", "SECRET", "Bleeds", "orearm", str(case.number), str(case.id)):
                assert secret.lower() not in text.replace(str(_of(sent).id), "").lower(), text
            assert f"https://skin.example/notifications/{_of(sent).id}/" in sent.body
            assert sent.to == [alma.staff.email]
        assert {sent.subject for sent in mail.outbox} >= {"A report is ready in skinclinic"}

    def test_is_sent_once_by_two_workers_at_once(self, alma):
        telling.notify(KIND.PHOTOS_WANTED, case=waiting_case(alma))
        first, second = (own(alma.staff, KIND.PHOTOS_WANTED) for _ in range(2))
        assert notification_mail._claim(first)
        assert not notification_mail._claim(second)

    def test_a_server_that_is_down_is_asked_again_later_and_then_given_up(self, alma, monkeypatch):
        telling.notify(KIND.PHOTOS_WANTED, case=waiting_case(alma))

        def refuse(*_args):
            raise ConnectionRefusedError

        monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
        now = timezone.now()
        for tries in range(1, 6):
            assert notification_mail.sweep() == 0
            row = own(alma.staff, KIND.PHOTOS_WANTED)
            assert row.mail_attempts == tries
            now += timedelta(hours=2)
            monkeypatch.setattr(timezone, "now", lambda moment=now: moment)
        assert row.mail_state == MailState.FAILED
        assert notification_mail.sweep() == 0
        assert told(alma.staff) == [KIND.PHOTOS_WANTED]

    def test_the_message_to_the_worker_is_sent_on_commit_and_holds_ids_only(
        self, alma, monkeypatch, django_capture_on_commit_callbacks
    ):
        sent = []
        monkeypatch.setattr("cases.jobs.broker.tell", lambda *message: sent.append(message))
        case = waiting_case(alma)
        with django_capture_on_commit_callbacks(execute=True):
            telling.notify(KIND.PHOTOS_WANTED, case=case)
            assert sent == []
        assert sent == [("cases.tasks.send_mail", f"photos_wanted:{case.id}", "background")]
        assert notification_mail.send_event(sent[0][1]) == 1


class TestChoices:
    def test_decide_where_it_is_told(self, alma, sign_in):
        case = waiting_case(alma)
        choices.choose(alma.staff, [Choice(KIND.PHOTOS_WANTED, in_app=False, by_mail=True)])
        choices.choose(alma.staff, [Choice(KIND.REPORT_READY, in_app=True, by_mail=False)])
        for kind in (KIND.PHOTOS_WANTED, KIND.REPORT_READY):
            telling.notify(kind, case=case)
        assert told(alma.staff) == [KIND.REPORT_READY]
        assert notification_mail.sweep() == 1
        # The mail's link works all the same.
        answer = sign_in(alma.staff).get(f"/notifications/{own(alma.staff, KIND.PHOTOS_WANTED).id}/")
        assert answer.headers["Location"] == f"/cases/{case.id}/"

    def test_are_made_on_their_page_and_are_ones_own(self, alma, sign_in):
        client = sign_in(alma.doctor)
        page = client.get("/notifications/settings/").content.decode()
        assert "An urgent case is waiting" in page
        assert "A training has ended" not in page  # nothing that a doctor has to do with
        client.post("/notifications/settings/", {"in_app": [KIND.URGENT_WAITING, KIND.TRAINING_DONE]})
        chosen = {choice.kind: choice for choice in choices.of(alma.doctor)}
        assert chosen[KIND.URGENT_WAITING] == Choice(KIND.URGENT_WAITING, in_app=True, by_mail=False)
        assert chosen[KIND.OUTCOME_KNOWN] == Choice(KIND.OUTCOME_KNOWN, in_app=False, by_mail=False)
        assert choices.of(alma.lead)[0].by_mail


class TestPages:
    def test_the_bell_counts_and_opening_marks(self, alma, sign_in):
        case = waiting_case(alma, requested_urgency=Urgency.URGENT)
        client = sign_in(alma.doctor)
        assert "Notifications, 1 new" in client.get("/worklist/").content.decode()
        row = own(alma.doctor, KIND.URGENT_WAITING)
        answer = client.get(f"/notifications/{row.id}/")
        assert answer.headers["Location"] == f"/cases/{case.id}/"
        assert "Notifications, 0 new" in client.get("/notifications/bell/").content.decode()
        client.post(f"/notifications/{row.id}/mark/", {"as": "new"})
        assert inbox.unread(alma.doctor) == 1
        client.post(f"/notifications/{row.id}/mark/", {"as": "read"})
        assert inbox.unread(alma.doctor) == 0

    def test_all_are_marked_but_what_came_since(self, alma, sign_in):
        waiting_case(alma, requested_urgency=Urgency.URGENT)
        client = sign_in(alma.doctor)
        seen = client.get("/notifications/").context["until"]
        waiting_case(alma, requested_urgency=Urgency.URGENT)
        client.post("/notifications/read/", {"until": seen})
        assert inbox.unread(alma.doctor) == 1

    def test_the_list_costs_the_same_at_any_length(self, alma, sign_in, django_assert_max_num_queries):
        client = sign_in(alma.doctor)
        for number in (1, 28):
            for _ in range(number):
                case = waiting_case(alma, requested_urgency=Urgency.URGENT)
            telling.notify(KIND.OUTCOME_KNOWN, case=case, people=[alma.doctor])
            with django_assert_max_num_queries(8):
                page = client.get("/notifications/")
        assert len(page.context["lines"]) == 25
        assert "1 to 25 of 31" in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_tell_once(alma):
    case = waiting_case(alma)
    start = threading.Barrier(4)

    def work():
        start.wait()
        telling.notify(KIND.PHOTOS_WANTED, case=case)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told(alma.staff) == [KIND.PHOTOS_WANTED]


def test_the_ais_flag_tells_the_doctors_of_a_case_that_waits(alma, monkeypatch):
    registered_model()
    case = waiting_case(alma)
    monkeypatch.setattr(asking.registry, "engine", lambda version: FakeEngine(first="MEL", urgent=True))
    monkeypatch.setattr(computing, "_picture", lambda image: Image.new("RGB", (64, 64)))
    prediction = asking.request(case.images.get())
    assert computing.run(prediction.id)
    assert told(alma.doctor) == [KIND.URGENT_WAITING]


def _of(sent) -> Notification:
    return Notification.objects.get(id=sent.extra_headers["Message-ID"].strip("<>").partition("@")[0])
