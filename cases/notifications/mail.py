"""Mails of notifications: that something happened and where to look, and nothing about a patient.

The row is the queue (cases/models/notification.py). A claim pushes the next try into the future, so that two workers
never send the same mail, and a worker that dies costs a delay.
"""

from datetime import timedelta
from email.utils import parseaddr

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import clinic_ids
from accounts.roles import Capability
from cases.models import MailState, Notification, NotificationKind

log = structlog.get_logger(__name__)

# How long a worker has for one mail before another may try it.
LEASE = timedelta(minutes=5)
# What a mail server that is down is given: after 1, 4, 16 and 64 minutes, then no more.
BACKOFF = (1, 4, 16, 64)
MOST_AT_ONCE = 100


def send_event(event: str) -> int:
    """Sends what is due of one event; returns the number of mails."""
    return _send(Notification.objects.filter(event=event))


def sweep() -> int:
    """Sends what was held back, what failed before, and what lost its message; returns the number of mails."""
    return _send(Notification.objects.all())


def _send(found: QuerySet[Notification]) -> int:
    due = found.filter(mail_state=MailState.QUEUED, mail_due_at__lte=timezone.now()).order_by("mail_due_at")
    waiting = list(due.select_related("person")[:MOST_AT_ONCE])
    if not waiting:
        return 0
    connection, sent = get_connection(), 0
    try:
        for notification in waiting:
            if not _claim(notification):
                continue
            if not _may_still_know(notification):
                _end(notification, MailState.NONE)
            elif _deliver(notification, connection):
                sent += 1
            else:
                break  # the next ones would wait for the same server
    finally:
        connection.close()
    return sent


def _claim(notification: Notification) -> bool:
    """One UPDATE decides between two workers."""
    return bool(
        Notification.objects.filter(
            id=notification.id, mail_state=MailState.QUEUED, mail_attempts=notification.mail_attempts
        ).update(mail_due_at=timezone.now() + LEASE, mail_attempts=F("mail_attempts") + 1)
    )


def _may_still_know(notification: Notification) -> bool:
    """Whether the person still has a role where it happened."""
    person = notification.person
    held = clinic_ids(person, Capability.VIEW_RECORD)
    return bool(held) if notification.clinic_id is None else notification.clinic_id in held


def _deliver(notification: Notification, connection: BaseEmailBackend) -> bool:
    try:
        message(notification, connection).send()
    except Exception as error:
        # Mail servers and the network fail in many ways; each means: later, or never.
        tries = notification.mail_attempts + 1
        log.warning("mail_not_sent", notification=str(notification.id), tries=tries, error=type(error).__name__)
        if tries > len(BACKOFF):
            _end(notification, MailState.FAILED)
        else:
            later = timezone.now() + timedelta(minutes=BACKOFF[tries - 1])
            Notification.objects.filter(id=notification.id).update(mail_due_at=later)
        return False
    _end(notification, MailState.SENT)
    return True


def _end(notification: Notification, state: MailState) -> None:
    Notification.objects.filter(id=notification.id).update(mail_state=state)


def message(notification: Notification, connection: BaseEmailBackend | None = None) -> EmailMessage:
    """The mail. Its words depend on the kind alone; its link asks for a sign-in before it shows anything."""
    link = f"{settings.PUBLIC_URL}{reverse('notification_open', args=[notification.id])}"
    sentence = _sentence(notification.kind)
    body = _("%(sentence)s.\n\n%(link)s\n\nSign in to see it. Which mails you get is your choice: %(choices)s\n") % {
        "sentence": sentence,
        "link": link,
        "choices": f"{settings.PUBLIC_URL}{reverse('notification_settings')}",
    }
    _name, sender = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return EmailMessage(
        subject=sentence,
        body=body,
        to=[notification.person.email],
        # The same for every try: a mail program drops the second of two, should a worker die at the wrong moment.
        headers={"Message-ID": f"<{notification.id}@{sender.rpartition('@')[2] or 'localhost'}>"},
        connection=connection,
    )


def _sentence(kind: str) -> str:
    return {
        NotificationKind.URGENT_WAITING: _("An urgent case is waiting in skinclinic"),
        NotificationKind.DUE_SOON: _("A case has little time left in skinclinic"),
        NotificationKind.OVERDUE: _("A case has waited too long in skinclinic"),
        NotificationKind.FLAGGED_LATE: _("The AI flags a case that was signed before in skinclinic"),
        NotificationKind.PHOTOS_WANTED: _("Better photos are wanted in skinclinic"),
        NotificationKind.PHOTOS_DUE: _("New photos are still missing in skinclinic"),
        NotificationKind.REPORT_READY: _("A report is ready in skinclinic"),
        NotificationKind.REPORT_AMENDED: _("A report was amended in skinclinic"),
        NotificationKind.ARBITRATION: _("Two readers disagree on a case in skinclinic"),
        NotificationKind.IN_QUESTION: _("A signed case is in question in skinclinic"),
        NotificationKind.OUTCOME_KNOWN: _("A biopsy result is known in skinclinic"),
        NotificationKind.TRAINING_DONE: _("A training has ended in skinclinic"),
    }[NotificationKind(kind)]
