"""Who is at which case: "next case" reserves it for a while, others see by whom, and it is let go or runs out."""

from datetime import timedelta
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from cases.models import Case, Reservation

# An open page renews every minute; one that fell silent (a crash, a lost connection) blocks nobody for long.
LASTS = timedelta(minutes=4)


def reserve(case: Case, reader: User) -> Reservation | None:
    """Reserves `case` for `reader` with a new token; None if another reader is at it. One statement decides a race."""
    now = timezone.now()
    fresh = {"token": uuid4(), "until": now + LASTS}
    free_or_mine = Q(until__lt=now) | Q(reader=reader)
    held = Reservation.objects.filter(case=case)
    if held.filter(reader=reader, until__gte=now).update(**fresh):
        return held.get()
    if held.filter(free_or_mine).update(reader=reader, since=now, **fresh):
        return held.select_related("reader").get()
    try:
        with transaction.atomic():
            return Reservation.objects.create(case=case, reader=reader, since=now, **fresh)
    except IntegrityError:
        return None


def renew(case: Case, reader: User) -> bool:
    """Whether the reader still has the case; keeps it for a while longer if so.

    Any of the reader's open pages holds it; the newest one, which has the token, lets it go.
    """
    mine = Reservation.objects.filter(case=case, reader=reader, until__gte=timezone.now())
    return bool(mine.update(until=timezone.now() + LASTS))


def release(case: Case, reader: User, token: UUID | None = None) -> None:
    """Lets the case go. With a `token` only if no newer page of the same reader has it by now."""
    mine = Reservation.objects.filter(case=case, reader=reader)
    (mine if token is None else mine.filter(token=token)).delete()


def holder(case: Case) -> Reservation | None:
    """Who is at `case` just now."""
    return Reservation.objects.select_related("reader").filter(case=case, until__gte=timezone.now()).first()
