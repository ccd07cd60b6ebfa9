"""Turnaround targets, what is told when they pass, views under a name, and who gets which case next."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.roles import Role
from cases.errors import Refused
from cases.models import Case, Notification, NotificationKind, Reservation, Urgency
from cases.photo import retakes
from cases.reading import next_case, reservations
from cases.record import lifecycle
from cases.worklist import escalation, saved_views, targets
from tests.cast import make_clinic, make_image, make_person, waiting_case


def waits(cast, hours: float, urgency=Urgency.ROUTINE) -> Case:
    case = waiting_case(cast)
    Case.objects.filter(id=case.id).update(waiting_since=timezone.now() - timedelta(hours=hours), urgency=urgency)
    return Case.objects.select_related("clinic").get(id=case.id)


@pytest.mark.parametrize(
    ("hours", "urgency", "words", "near", "over"),
    [
        (0.1, Urgency.URGENT, "3\u00a0h\u00a0left", False, False),
        (3.5, Urgency.URGENT, "29\u00a0min\u00a0left", True, False),
        (6.1, Urgency.URGENT, "2\u00a0h\u00a0over", False, True),
        (6.1, Urgency.SOON, "17\u00a0h\u00a0left", False, False),
        (6.1, Urgency.ROUTINE, "2\u00a0days\u00a0left", False, False),
        (200, Urgency.ROUTINE, "5\u00a0days\u00a0over", False, True),
    ],
)
def test_time_left(alma, hours, urgency, words, near, over):
    left = targets.time_left(waits(alma, hours, urgency))
    assert (str(left), left.is_near, left.is_over) == (words, near, over)


def test_a_clinics_own_targets_count(alma):
    alma.clinic.target_hours_urgent = 1
    alma.clinic.save()
    late, early = waits(alma, 2, Urgency.URGENT), waits(alma, 2, Urgency.SOON)
    assert list(targets.overdue(alma.clinic)) == [late]
    assert not targets.time_left(early).is_over


def test_leads_are_told_once_of_what_has_waited_too_long(alma, brno):
    late = waits(alma, 100)
    waits(alma, 1)
    assert escalation.sweep() == 1
    assert escalation.sweep() == 0
    told = Notification.objects.filter(kind=NotificationKind.OVERDUE)
    assert [(each.person, each.case) for each in told] == [(alma.lead, late)]
    # Back with new photos, and late again.
    Case.objects.filter(id=late.id).update(waiting_since=timezone.now() - timedelta(hours=99))
    told.update(created_at=timezone.now() - timedelta(hours=99, seconds=1))
    assert escalation.sweep() == 1


def test_doctors_are_told_once_of_what_has_little_time_left_and_of_no_routine_case(alma, brno):
    near = waits(alma, 3.5, Urgency.URGENT)
    waits(alma, 2, Urgency.URGENT)
    waits(alma, 60, Urgency.ROUTINE)  # of 72
    waits(brno, 1, Urgency.URGENT)
    assert escalation.sweep() == 1
    assert escalation.sweep() == 0
    told = Notification.objects.filter(kind=NotificationKind.DUE_SOON)
    assert {(each.person, each.case) for each in told} == {(alma.doctor, near), (alma.lead, near)}
    # Late by now: it is the leads', and nobody's bell counts it twice.
    Case.objects.filter(id=near.id).update(waiting_since=timezone.now() - timedelta(hours=5))
    assert escalation.sweep() == 1
    assert not told.filter(read_at=None).exists()


def test_the_time_runs_on_while_staff_take_new_photos(alma):
    case = waits(alma, 3.5, Urgency.URGENT)
    asked = retakes.ask(case_id=case.id, by=alma.doctor, request_id=uuid4(), faults=["blurred"])
    colleague = make_person(alma.clinic, Role.STAFF)
    case.refresh_from_db()
    assert targets.time_left(case).is_near
    assert (escalation.sweep(), escalation.sweep()) == (1, 0)
    told = Notification.objects.filter(case=case)
    due = told.filter(kind=NotificationKind.PHOTOS_DUE)
    assert {each.person for each in due} == {alma.staff, colleague}
    assert not told.filter(kind=NotificationKind.DUE_SOON).exists()  # no doctor can do anything

    Case.objects.filter(id=case.id).update(waiting_since=timezone.now() - timedelta(hours=5))
    assert list(targets.overdue(alma.clinic)) == [case]
    assert (escalation.sweep(), escalation.sweep()) == (1, 0)
    assert [each.person for each in told.filter(kind=NotificationKind.OVERDUE)] == [alma.lead]

    make_image(case)
    lifecycle.send(case.id, by=alma.staff)
    assert not due.filter(read_at=None).exists()
    asked.refresh_from_db()
    assert asked.answered_by == alma.staff


def test_of_a_routine_case_staff_are_told_when_its_time_is_over(alma):
    early, late = waits(alma, 60), waits(alma, 80)  # of 72 hours
    for case in (early, late):
        retakes.ask(case_id=case.id, by=alma.doctor, request_id=uuid4(), faults=["blurred"])
    escalation.sweep()
    assert [each.case for each in Notification.objects.filter(kind=NotificationKind.PHOTOS_DUE)] == [late]


def test_the_list_of_photos_wanted_says_how_much_time_is_left(alma, sign_in):
    case = waits(alma, 6.1, Urgency.URGENT)
    retakes.ask(case_id=case.id, by=alma.doctor, request_id=uuid4(), faults=["blurred"])
    assert "2\u00a0h\u00a0over" in sign_in(alma.staff).get(reverse("worklist"), {"tab": "photos"}).content.decode()


def test_views_are_kept_replaced_deleted_and_ones_own(alma, sign_in):
    client = sign_in(alma.doctor)
    client.post(reverse("worklist_save_view"), {"name": " Noses ", "tab": "waiting", "site": "nose"})
    client.post(reverse("worklist_save_view"), {"name": "Noses", "tab": "waiting", "site": "nose", "urgency": "1"})
    view = saved_views.of(alma.doctor, alma.clinic).get()
    assert (view.name, view.query) == ("Noses", "tab=waiting&urgency=1&site=nose")
    assert "Noses" in client.get(reverse("worklist")).content.decode()
    assert not saved_views.of(alma.lead, alma.clinic).exists()
    client.post(reverse("worklist_delete_view"), {"name": "Noses"})
    assert not saved_views.of(alma.doctor, alma.clinic).exists()


def test_a_view_needs_a_name_and_there_are_not_too_many(alma):
    with pytest.raises(Refused):
        saved_views.save(alma.doctor, alma.clinic, "  ", "tab=waiting")
    for number in range(saved_views.MOST):
        saved_views.save(alma.doctor, alma.clinic, str(number), "tab=waiting")
    with pytest.raises(Refused, match="Delete one"):
        saved_views.save(alma.doctor, alma.clinic, "one more", "tab=waiting")


# --- Reservations -----------------------------------------------------------------------------------------


def test_a_reservation_is_renewed_let_go_and_runs_out(alma):
    case = waiting_case(alma)
    held = reservations.reserve(case, alma.doctor)
    assert reservations.reserve(case, alma.lead) is None
    assert not reservations.renew(case, alma.lead)
    newer = reservations.reserve(case, alma.doctor)  # the same reader opened the page again
    assert reservations.renew(case, alma.doctor)  # the old page holds it on, and takes nothing from the new one
    assert reservations.holder(case).token == newer.token
    reservations.release(case, alma.doctor, held.token)  # the old page's farewell comes late
    assert reservations.holder(case).token == newer.token
    Reservation.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert reservations.holder(case) is None
    assert reservations.reserve(case, alma.lead).reader == alma.lead


def test_next_passes_by_what_another_reader_is_at(alma):
    first, second = waiting_case(alma), waiting_case(alma)
    assert next_case.reserve_next(alma.doctor, alma.clinic) == first
    assert next_case.reserve_next(alma.lead, alma.clinic) == second
    assert next_case.reserve_next(alma.doctor, alma.clinic) == first  # still theirs


def test_the_list_says_who_reads(alma, sign_in):
    case = waiting_case(alma)
    reservations.reserve(case, alma.doctor)
    html = sign_in(alma.lead).get(reverse("worklist")).content.decode()
    assert f"{alma.doctor}" in html


@pytest.mark.django_db(transaction=True)
def test_readers_who_ask_for_the_next_case_at_once_get_different_ones():
    cast = make_clinic("Next")
    cases = {waiting_case(cast).id for _ in range(2)}
    start, got = threading.Barrier(2), []

    def run(reader):
        try:
            start.wait()
            got.append(next_case.reserve_next(reader, cast.clinic).id)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(reader,)) for reader in (cast.doctor, cast.lead)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(got) == cases


# --- The clinic's page --------------------------------------------------------------------------------------


def test_a_lead_sets_how_the_clinic_reads_and_stops_the_ai(alma, sign_in):
    client, address = sign_in(alma.lead), reverse("clinic_policy")
    page = client.get(address)
    sent = {name: value for name, value in page.context["form"].initial.items() if value is not False}
    assert client.post(address, {**sent, "read_first": "on", "target_hours_urgent": "2"}).status_code == 302
    alma.clinic.refresh_from_db()
    assert (alma.clinic.read_first, alma.clinic.target_hours_urgent) == (True, 2)
    assert client.post(address, {**sent, "target_hours_urgent": "0"}).status_code == 422

    client.post(reverse("ai_stop"), {"reason": "Odd results since noon"})
    assert "Odd results since noon" in client.get(address).content.decode()
    client.post(reverse("ai_start"))
    alma.clinic.refresh_from_db()
    assert not alma.clinic.ai_is_stopped
