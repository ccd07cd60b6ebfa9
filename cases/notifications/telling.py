"""Telling people what they should know, in the app and by mail, each as they chose. Services call `notify`."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import Membership, User
from accounts.roles import Capability, Role, roles_with
from cases.jobs import broker
from cases.models import Case, CaseState, MailState, Notification, NotificationKind, Read, ReadKind, ReadStage, Urgency
from cases.notifications.choices import AUDIENCES, with_choices
from inference.models import ModelVersion

MAIL_TASK = "cases.tasks.send_mail"
MAIL_QUEUE = "background"

# These go to the one who logged the case, and only where that is nobody who still works there, to all.
_FOR_WHO_LOGGED_IT = (
    NotificationKind.PHOTOS_WANTED,
    NotificationKind.REPORT_READY,
    NotificationKind.REPORT_AMENDED,
)
_TOLD_OF_A_READ = (
    NotificationKind.REPORT_READY,
    NotificationKind.REPORT_AMENDED,
    NotificationKind.ARBITRATION,
    NotificationKind.IN_QUESTION,
)
_SETTLED_BY_SIGNING = (
    NotificationKind.URGENT_WAITING,
    NotificationKind.DUE_SOON,
    NotificationKind.OVERDUE,
    NotificationKind.ARBITRATION,
)


@transaction.atomic
def notify(
    kind: NotificationKind,
    *,
    case: Case | None = None,
    model_version: ModelVersion | None = None,
    people: Iterable[User] | None = None,
    occasion: object = "",
    after: timedelta = timedelta(0),
) -> None:
    """Tells people once of something that happened; call it in the transaction in which it happens.

    Args:
        case: what it is about; or
        model_version: what it is about, where no clinic owns it.
        people: whom to tell; without it those whom the kind is for (`AUDIENCES`).
        occasion: what tells two such events on one record apart (a read's id); the same twice is told once.
        after: how long to hold it back, for what can still be undone (`retract`).
    """
    record = case or model_version
    assert record is not None
    chosen = _recipients(kind, case) if people is None else _still_here(people, case)
    event = f"{kind}:{record.pk}:{occasion}".rstrip(":")
    due = timezone.now() + after
    rows = [
        Notification(
            person=person,
            kind=kind,
            event=event,
            clinic_id=case.clinic_id if case else None,
            case=case,
            model_version=model_version,
            due_at=due,
            in_app=choice.in_app,
            mail_state=MailState.QUEUED if choice.by_mail else MailState.NONE,
            mail_due_at=due if choice.by_mail else None,
        )
        for person, choice in with_choices(kind, chosen)
    ]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    if not after and any(row.mail_state == MailState.QUEUED for row in rows):
        # One message for all its mails; what is held back is found by the sweep.
        broker.tell_on_commit(MAIL_TASK, event, MAIL_QUEUE)


def urgent_case(case: Case, occasion: object = "") -> None:
    """Tells the doctors of a case that waits and is urgent; anything else is no news."""
    if case.state == CaseState.WAITING and case.urgency == Urgency.URGENT:
        notify(NotificationKind.URGENT_WAITING, case=case, occasion=occasion)


def read_signed(case: Case, read: Read, *, signed_before: bool, after: timedelta) -> None:
    """After `read` moved `case` on: tells of the report, or asks those who settle what two readers disagree on."""
    if case.state == CaseState.SIGNED:
        _questioned(case, read, after)
        for dealt_with in _SETTLED_BY_SIGNING:
            settle(dealt_with, case, at=read.signed_at)
        kind = NotificationKind.REPORT_AMENDED if signed_before else NotificationKind.REPORT_READY
        notify(kind, case=case, occasion=read.pk, after=after)
    elif case.read_stage == ReadStage.ARBITRATION and read.kind == ReadKind.SECOND:
        _ask_arbiters(case, read.pk, after)


def _questioned(case: Case, read: Read, after: timedelta) -> None:
    """Tells those who settle it, and the case's other readers, that `read` has put the signed `case` in question."""
    if case.questioned_at is None:
        settle(NotificationKind.IN_QUESTION, case, at=read.signed_at)
    elif case.questioned_at == read.signed_at:
        readers = User.objects.filter(id__in=case.reads.values("reader"))
        people = {*_holding(Capability.ARBITRATE, case.clinic_id), *_still_here(readers, case)} - {read.reader}
        notify(NotificationKind.IN_QUESTION, case=case, people=people, occasion=read.pk, after=after)


def read_taken_back(case: Case, read: Read) -> None:
    """Nobody is told of it, and what it settled waits again."""
    _unsettle(case, at=read.signed_at)
    for kind in _TOLD_OF_A_READ:
        retract(kind, case, read.pk)


# What a withdrawn case asks of nobody.
_ASKED_OF_SOMEBODY = (*_SETTLED_BY_SIGNING, NotificationKind.PHOTOS_WANTED, NotificationKind.PHOTOS_DUE)
# Of these `escalation.sweep` tells by the clock, each once.
_BY_THE_CLOCK = (NotificationKind.DUE_SOON, NotificationKind.OVERDUE, NotificationKind.PHOTOS_DUE)


def withdrawn(case: Case) -> None:
    """Nobody need do anything for `case` any more."""
    for kind in _ASKED_OF_SOMEBODY:
        settle(kind, case)


def restored(case: Case) -> None:
    """What the withdrawal settled is news again, and each time."""
    occasion = f"{timezone.now():%Y%m%d%H%M%S}"
    urgent_case(case, occasion)
    if case.state == CaseState.PHOTOS_WANTED:
        notify(NotificationKind.PHOTOS_WANTED, case=case, occasion=occasion)
    elif case.state == CaseState.WAITING and case.read_stage == ReadStage.ARBITRATION:
        _ask_arbiters(case, occasion)
    # Told anew with the next sweep, if it is so still.
    Notification.objects.filter(case=case, kind__in=_BY_THE_CLOCK).delete()


def _ask_arbiters(case: Case, occasion: object, after: timedelta = timedelta(0)) -> None:
    readers = set(case.reads.values_list("reader", flat=True))
    arbiters = _holders(NotificationKind.ARBITRATION, case.clinic_id)
    # Whoever has read the case is blind no more, unless there is nobody else.
    others = [person for person in arbiters if person.pk not in readers] or arbiters
    notify(NotificationKind.ARBITRATION, case=case, people=others, occasion=occasion, after=after)


def flagged_after_signing(case: Case, version: ModelVersion) -> None:
    """Tells whoever signed `case`, and those who look at signed cases again, what `version` says of it only now."""
    signed = User.objects.filter(id__in=case.reads.values("reader"))
    leads = _holding(Capability.RESCORE_CASES, case.clinic_id)
    people = {*_still_here(signed, case), *leads}
    notify(NotificationKind.FLAGGED_LATE, case=case, people=people, occasion=version.pk)


def not_signed_after_all(case: Case, versions: Iterable[UUID]) -> None:
    """The signature was taken back: `versions` did not flag a signed case."""
    for version_id in versions:
        retract(NotificationKind.FLAGGED_LATE, case, version_id)


def settle(kind: NotificationKind, case: Case, at: datetime | None = None) -> None:
    """Somebody has dealt with it: nobody's bell counts it any more, and mails that wait are not sent.

    Args:
        at: when, for what can still be undone (`_unsettle`).
    """
    ours = Notification.objects.filter(case=case, kind=kind)
    ours.filter(read_at=None).update(read_at=at or timezone.now())
    ours.filter(mail_state=MailState.QUEUED).update(mail_state=MailState.NONE)


def _unsettle(case: Case, at: datetime) -> None:
    """What was settled `at` that moment is news again, with its mails; whoever had read it before knows of it."""
    ours = Notification.objects.filter(case=case, read_at=at)
    # A mail that was wanted and not sent yet has kept its time.
    ours.filter(mail_state=MailState.NONE, mail_due_at__isnull=False).update(mail_state=MailState.QUEUED)
    ours.update(read_at=None)


def retract(kind: NotificationKind, case: Case, occasion: object = "") -> None:
    """What was told did not happen after all: it was undone."""
    event = f"{kind}:{case.pk}:{occasion}".rstrip(":")
    Notification.objects.filter(event=event).delete()


def _recipients(kind: str, case: Case | None) -> list[User]:
    if case is None:
        return _holders(kind, None)
    if kind in _FOR_WHO_LOGGED_IT and (here := _still_here([case.created_by], case)):
        return here
    if kind == NotificationKind.PHOTOS_DUE and (desk := _desk(case)):
        return desk
    return _holders(kind, case.clinic_id)


def _desk(case: Case) -> list[User]:
    """Who takes photos here: all staff, and whoever logged the case, for that one may be away."""
    staff = Membership.objects.filter(clinic=case.clinic_id, role=Role.STAFF).values_list("user", flat=True)
    return _still_here([case.created_by, *User.objects.filter(id__in=staff)], case)


def _holders(kind: str, clinic_id: UUID | None) -> list[User]:
    """The people, no integrations, whose role in the clinic (None: in any) makes `kind` their business."""
    return _holding(AUDIENCES[kind].capability, clinic_id)


def _holding(capability: Capability, clinic_id: UUID | None) -> list[User]:
    roles = [role for role in roles_with(capability) if role != Role.INTEGRATION]
    held = Membership.objects.filter(role__in=roles)
    if clinic_id:
        held = held.filter(clinic=clinic_id)
    return list(User.objects.filter(is_active=True, id__in=held.values("user")))


def _still_here(people: Iterable[User], case: Case | None) -> list[User]:
    """Those of `people` who still work in the case's clinic (or anywhere), and are no integrations."""
    held = Membership.objects.exclude(role=Role.INTEGRATION)
    if case:
        held = held.filter(clinic=case.clinic_id)
    ids = {person.pk for person in people}
    return list(User.objects.filter(is_active=True, id__in=held.filter(user__in=ids).values("user")))
