"""What a reader's page remembers of the case that it showed, so that nobody decides on what they have not seen."""

from collections.abc import Iterable
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from cases.errors import Conflict, fingerprint
from cases.models import Case


class CaseChanged(Conflict):
    """Answers, note or photos are not what the reader saw."""

    def __init__(self, *, signing: bool) -> None:
        if signing:
            super().__init__(
                _("Answers or photos of this case were changed since you opened it. Look at them, then sign again.")
            )
        else:
            super().__init__(
                _("Answers or photos of this case were changed since you opened it. Look at them, then commit again.")
            )


def stamp(case: Case, photos: Iterable[UUID] | None = None) -> str:
    """Changes whenever an answer, the note or a photo does.

    `photos` are the ids of those that the page shows; without them, those that are in the record now.
    """
    if photos is None:
        photos = case.images.filter(removed_at__isnull=True).values_list("id", flat=True)
    return fingerprint([*(getattr(case, name) for name in (*Case.QUESTIONS, "note")), *sorted(photos)])


def check(case: Case, seen: str, *, signing: bool) -> None:
    """Compares the stamp that a page has `seen` with the case, locked; an empty one is not checked.

    `signing` says whether a read is signed, or a first opinion committed: what is to be done again.

    Raises:
        CaseChanged: they differ.
    """
    if seen and seen != stamp(case):
        raise CaseChanged(signing=signing)
