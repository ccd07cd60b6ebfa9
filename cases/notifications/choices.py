"""Whom each kind of notification is for, and how each of them wants to hear of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from accounts.models import User
from accounts.roles import Capability
from cases.models import NotificationChoice, NotificationKind


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
    NotificationKind.PHOTOS_DUE: Audience(Capability.LOG_CASES, by_mail=True),
    NotificationKind.REPORT_READY: Audience(Capability.LOG_CASES, by_mail=False),
    # And of a signed case those who look at such cases again.
    NotificationKind.FLAGGED_LATE: Audience(Capability.SIGN_READS, by_mail=True),
    # Somebody may have printed or sent the former one.
    NotificationKind.REPORT_AMENDED: Audience(Capability.LOG_CASES, by_mail=True),
    NotificationKind.ARBITRATION: Audience(Capability.ARBITRATE, by_mail=True),
    # The case's own readers, and those who settle it.
    NotificationKind.IN_QUESTION: Audience(Capability.SIGN_READS, by_mail=True),
    NotificationKind.OUTCOME_KNOWN: Audience(Capability.SIGN_READS, by_mail=False),
    NotificationKind.TRAINING_DONE: Audience(Capability.MANAGE_MODELS, by_mail=True),
}


@dataclass(frozen=True)
class Choice:
    kind: NotificationKind
    in_app: bool
    by_mail: bool


def _default(kind: str) -> Choice:
    return Choice(NotificationKind(kind), in_app=True, by_mail=AUDIENCES[kind].by_mail)


def with_choices(kind: str, people: list[User]) -> list[tuple[User, Choice]]:
    """Each of `people` with what they have chosen for `kind`, or what holds without a choice."""
    chosen = {
        row.person_id: Choice(NotificationKind(kind), row.in_app, row.by_mail)
        for row in NotificationChoice.objects.filter(person__in=people, kind=kind)
    }
    return [(person, chosen.get(person.pk, _default(kind))) for person in people]


def of(person: User) -> list[Choice]:
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
