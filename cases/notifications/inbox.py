"""A person's own notifications: listed, counted, marked as read."""

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Clinic, User
from cases import access
from cases.models import Notification


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
