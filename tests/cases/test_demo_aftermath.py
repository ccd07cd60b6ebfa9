"""The demo's inbox and its reports are as old as its cases, and nobody is sent a mail about them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from cases.demo import aftermath
from cases.models import Case, Condition, Read, Urgency
from cases.notifications import inbox, mail
from cases.record import outcomes
from cases.report import deliveries
from tests.cast import waiting_case

pytestmark = pytest.mark.django_db


def test_old_reports_are_printed_and_new_ones_wait(alma):
    now = timezone.now()
    for days in (30, 2):
        case = waiting_case(alma, requested_urgency=Urgency.URGENT)
        signed = now - timedelta(days=days)
        Read.objects.create(
            id=uuid4(),
            case=case,
            reader=alma.doctor,
            condition_id="NEV",
            certainty="certain",
            management="follow_up",
            ai_visible=False,
            signed_at=signed,
        )
        Case.objects.filter(id=case.id).update(state="signed", signed_at=signed, waiting_since=signed)
        found = Condition.objects.get(code="MEL")
        outcomes.record(case_id=case.id, by=alma.lead, condition=found, reported_on=signed.date())
    aftermath.write(alma.clinic, alma.staff)
    assert [case.number for case in deliveries.ready(alma.staff, alma.clinic)] == [2]
    assert mail.sweep() == 0
    assert inbox.unread(alma.staff) == 2  # the new report, and that its biopsy has amended it
    assert {each.read_at is None for each in inbox.listed(alma.doctor) if each.case.number == 1} == {False}
    assert all(each.due_at <= now + timedelta(minutes=1) for each in inbox.listed(alma.doctor))
