"""The unfinished read: saved with every change, there again after a crash, never overwritten by another window."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Clinic, User
from accounts.roles import Capability
from cases import access
from cases.errors import Conflict, wrong_state
from cases.models import Case, Read, ReadDraft
from cases.models.case import UNREAD_STATES, CaseState

FIELDS = ("condition", "certainty", "management", "comment")


def of(case: Case, reader: User) -> ReadDraft | None:
    return ReadDraft.objects.filter(case=case, reader=reader).first()


def unfinished(reader: User, clinic: Clinic) -> QuerySet[ReadDraft]:
    """What `reader` has begun on cases that still wait for a read, the newest first."""
    signed = Read.objects.filter(case=OuterRef("case"), reader=reader)
    open_cases = access.cases(reader, Capability.SIGN_READS).filter(clinic=clinic, state__in=UNREAD_STATES)
    return (
        ReadDraft.objects.filter(~Exists(signed), reader=reader, case__in=open_cases)
        .select_related("case__lesion__patient")
        .order_by("-saved_at", "-id")
    )


def save(case: Case, reader: User, *, version: int, **fields: Any) -> ReadDraft:
    """Keeps what stands in the form. `version` is the one that the page has; 0 for a page without a saved read.

    Raises:
        Conflict: another window of the same reader saved since.
        Refused: the case cannot be read any more.
    """
    if case.state not in (*UNREAD_STATES, CaseState.SIGNED):
        raise wrong_state(case.get_state_display())
    values = {name: fields[name] for name in FIELDS}
    if version == 0:
        try:
            with transaction.atomic():
                return ReadDraft.objects.create(case=case, reader=reader, **values)
        except IntegrityError:
            raise _elsewhere() from None
    changed = ReadDraft.objects.filter(case=case, reader=reader, version=version).update(
        version=version + 1, saved_at=timezone.now(), **values
    )
    if not changed:
        raise _elsewhere()
    return ReadDraft.objects.get(case=case, reader=reader)


def discard(case: Case, reader: User) -> None:
    ReadDraft.objects.filter(case=case, reader=reader).delete()


def put_back(read: Read) -> None:
    """What stood in a read that was taken back is an unfinished read again."""
    ReadDraft.objects.update_or_create(
        case=read.case,
        reader=read.reader,
        defaults={**{name: getattr(read, name) for name in FIELDS}, "saved_at": timezone.now()},
    )


def _elsewhere() -> Conflict:
    return Conflict(_("This read was changed in another window. Load the page again to go on from there."))
