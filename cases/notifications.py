"""Telling people what they should know, in the app and by mail, each as they chose. Services call `notify`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Clinic, Membership, User
from accounts.roles import Capability, Role, roles_with
from cases import access, broker
from cases.models import (
    Case,
    CaseState,
    MailState,
    Notification,
    NotificationChoice,
    NotificationKind,
    Read,
    ReadKind,
    ReadStage,
    Urgency,
)
from inference.models import ModelVersion

MAIL_TASK = "cases.tasks.send_mail"
MAIL_QUEUE = "background"


@dataclass(frozen=True)
class Audience:
    """Whom a kind is for, and whether they get a mail before they choose anything."""

    capability: Capability
    by_mail: bool


AUDIENCES: dict[str, Audience] = {
    NotificationKind.URGENT_WAITING: Audience(Capability.SIGN_READS, by_mail=True),
    NotificationKind.DUE_SOON: Audience(Capability.SIGN_READS, by_mail=False),
    NotificationKind.OVERDUE: Audience(Capability.ARBITRATE, by_mail=True),
    NotificationKind.PHOTOS_WANTED: Audience(Capability.LOG_CASES, by_mail=True),
    NotificationKind.REPORT_READY: Audience(Capability.LOG_CASES, by_mail=False),
    # Somebody may have printed or sent the former one.
    NotificationKind.REPORT_AMENDED: Audience(Capability.LOG_CASES, by_mail=True),
    NotificationKind.ARBITRATION: Audience(Capability.ARBITRATE, by_mail=True),
    NotificationKind.OUTCOME_KNOWN: Audience(Capability.SIGN_READS, by_mail=False),
    NotificationKind.TRAINING_DONE: Audience(Capability.MANAGE_MODELS, by_mail=True),
}
# These go to the one who logged the case, and only where that is nobody who still works there, to all.
_FOR_WHO_LOGGED_IT = (
    NotificationKind.PHOTOS_WANTED,
    NotificationKind.REPORT_READY,
    NotificationKind.REPORT_AMENDED,
)
_SETTLED_BY_SIGNING = (
    NotificationKind.URGENT_WAITING,
    NotificationKind.DUE_SOON,
    NotificationKind.OVERDUE,
    NotificationKind.ARBITRATION,
)


# --- Telling -----------------------------------------------------------------------------------------------


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
        for person, choice in _with_choices(kind, chosen)
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
        for dealt_with in _SETTLED_BY_SIGNING:
            settle(dealt_with, case)
        kind = NotificationKind.REPORT_AMENDED if signed_before else NotificationKind.REPORT_READY
        notify(kind, case=case, occasion=read.pk, after=after)
    elif case.read_stage == ReadStage.ARBITRATION and read.kind == ReadKind.SECOND:
        readers = set(case.reads.values_list("reader", flat=True))
        arbiters = _holders(NotificationKind.ARBITRATION, case.clinic_id)
        # Whoever has read the case is blind no more, unless there is nobody else.
        others = [person for person in arbiters if person.pk not in readers] or arbiters
        notify(NotificationKind.ARBITRATION, case=case, people=others, occasion=read.pk, after=after)


def read_taken_back(case: Case, read: Read) -> None:
    for kind in (NotificationKind.REPORT_READY, NotificationKind.REPORT_AMENDED, NotificationKind.ARBITRATION):
        retract(kind, case, read.pk)


def settle(kind: NotificationKind, case: Case) -> None:
    """Somebody has dealt with it: nobody's bell counts it any more, and mails that wait are not sent."""
    ours = Notification.objects.filter(case=case, kind=kind)
    ours.filter(read_at=None).update(read_at=timezone.now())
    ours.filter(mail_state=MailState.QUEUED).update(mail_state=MailState.NONE)


def retract(kind: NotificationKind, case: Case, occasion: object = "") -> None:
    """What was told did not happen after all: it was undone."""
    event = f"{kind}:{case.pk}:{occasion}".rstrip(":")
    Notification.objects.filter(event=event).delete()


def _recipients(kind: str, case: Case | None) -> list[User]:
    if case is None:
        return _holders(kind, None)
    if kind in _FOR_WHO_LOGGED_IT and (here := _still_here([case.created_by], case)):
        return here
    return _holders(kind, case.clinic_id)


def _holders(kind: str, clinic_id: UUID | None) -> list[User]:
    """The people, no integrations, whose role in the clinic (None: in any) makes `kind` their business."""
    roles = [role for role in roles_with(AUDIENCES[kind].capability) if role != Role.INTEGRATION]
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


# --- Choosing ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    kind: NotificationKind
    in_app: bool
    by_mail: bool


def _default(kind: str) -> Choice:
    return Choice(NotificationKind(kind), in_app=True, by_mail=AUDIENCES[kind].by_mail)


def _with_choices(kind: str, people: list[User]) -> list[tuple[User, Choice]]:
    chosen = {
        row.person_id: Choice(NotificationKind(kind), row.in_app, row.by_mail)
        for row in NotificationChoice.objects.filter(person__in=people, kind=kind)
    }
    return [(person, chosen.get(person.pk, _default(kind))) for person in people]


def choices(person: User) -> list[Choice]:
    """What `person` has chosen for each kind that their roles make their business."""
    held = {capability for membership in person.held_memberships for capability in membership.capabilities}
    rows = {row.kind: row for row in NotificationChoice.objects.filter(person=person)}
    found = []
    for kind, audience in AUDIENCES.items():
        if audience.capability in held:
            row = rows.get(kind)
            found.append(Choice(NotificationKind(kind), row.in_app, row.by_mail) if row else _default(kind))
    return found


@transaction.atomic
def choose(person: User, wished: Iterable[Choice]) -> None:
    """From now on; what was told already stays."""
    for choice in wished:
        NotificationChoice.objects.update_or_create(
            person=person, kind=choice.kind, defaults={"in_app": choice.in_app, "by_mail": choice.by_mail}
        )


# --- Reading -----------------------------------------------------------------------------------------------


def listed(person: User) -> QuerySet[Notification]:
    """The newest first, with what their words need."""
    return (
        _in_app(person)
        .select_related("case__lesion__patient", "case__outcome__condition", "clinic", "model_version")
        .order_by("-due_at", "-id")
    )


def unread(person: User) -> int:
    return _in_app(person).filter(read_at=None).count()


def _in_app(person: User) -> QuerySet[Notification]:
    """Without those that the person wants by mail alone."""
    return access.notifications(person).filter(in_app=True)


def mark_read(found: QuerySet[Notification], *, read: bool = True) -> int:
    """Marks those of `found` (from cases/access.py) that are not so yet; returns their number."""
    return found.filter(read_at__isnull=read).update(read_at=timezone.now() if read else None)


def clinic_name(person: User, clinic: Clinic | None) -> str:
    """Which clinic it is about, for those who work in several."""
    several = len({held.clinic_id for held in person.held_memberships}) > 1
    return clinic.name if clinic and several else ""
