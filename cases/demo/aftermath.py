"""What followed the demo's cases: reports that were printed, and notifications as old as what they tell of."""

from datetime import datetime, timedelta

from django.db.models import Max
from django.utils import timezone

from accounts.models import Clinic, User
from cases.models import (
    Case,
    CaseState,
    Delivery,
    MailState,
    Notification,
    NotificationKind,
    Outcome,
    OutcomeVersion,
    ReportDelivery,
)
from cases.notifications import telling
from cases.report import content

# Younger reports still wait for somebody to print them, and younger notifications are new.
RECENT = timedelta(days=7)
_HOW = (Delivery.PRINTED, Delivery.SENT, Delivery.HANDED_OVER)


def write(clinic: Clinic, staff: User) -> None:
    """For the cases of `clinic` as they stand; nobody gets a mail about an invented patient."""
    now = timezone.now()
    signed = content.with_content(Case.objects.filter(clinic=clinic, state=CaseState.SIGNED))
    for case in signed.annotate(read_at=Max("reads__signed_at")).order_by("number"):
        last: datetime = case.read_at
        if Outcome.objects.filter(case=case).exists():
            last = _biopsied(case)
            for recorded in (Outcome, OutcomeVersion):
                recorded.objects.filter(case=case).update(recorded_at=last)
        if now - last < RECENT:
            telling.notify(NotificationKind.REPORT_READY, case=case, occasion="demo")
        else:
            made = content.of(case)
            how = _HOW[case.number % len(_HOW)]
            at = last + timedelta(hours=2)
            ReportDelivery.objects.create(case=case, how=how, version=made.version, digest=made.digest, by=staff, at=at)
    for told in Notification.objects.filter(clinic=clinic).select_related("case__outcome"):
        moment = _happened(told)
        told.created_at = told.due_at = moment
        told.read_at = told.read_at or (moment + timedelta(hours=1) if now - moment > RECENT else None)
        told.mail_state, told.mail_due_at = MailState.NONE, None
        told.save()


def _biopsied(case: Case) -> datetime:
    """When its biopsy's result was recorded."""
    return min(timezone.now(), (case.signed_at or timezone.now()) + timedelta(days=4))


def _happened(told: Notification) -> datetime:
    """When what is told happened in the story; all of it was written a moment ago."""
    case = told.case
    if case is None:
        return told.due_at
    if told.kind in (NotificationKind.OUTCOME_KNOWN, NotificationKind.REPORT_AMENDED):
        return _biopsied(case)
    if told.kind == NotificationKind.REPORT_READY:
        return case.signed_at or told.due_at
    return case.waiting_since or told.due_at
