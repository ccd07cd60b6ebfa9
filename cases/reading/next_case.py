"""Which case a reader gets next, and what waits for them."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Count, QuerySet

from accounts.models import Clinic, User
from cases.access import Person, cases
from cases.models import Case, CaseState, ReadStage, Urgency
from cases.reading import reservations
from cases.worklist.readable import readable

# So many readers may press "next" in the same instant, and each still gets a case.
NEXT_TRIES = 20


def open_cases(person: Person, clinic: Clinic) -> QuerySet[Case]:
    """The cases of `clinic` that wait for a doctor, the most urgent and longest waiting first."""
    return (
        cases(person)
        .filter(clinic=clinic, state=CaseState.WAITING)
        .select_related("lesion__patient")
        .order_by("urgency", "waiting_since", "id")
    )


def readable_cases(reader: User, clinic: Clinic) -> QuerySet[Case]:
    """The cases that wait for a read which `reader` can give, and that nobody else is at, in the list's order."""
    return readable(reader, clinic, open_cases(reader, clinic))


def readable_counts(reader: User, clinic: Clinic) -> dict[tuple[ReadStage, Urgency], int]:
    """How many of `readable_cases` wait for which read, in which tier; one query."""
    rows = readable_cases(reader, clinic).order_by().values_list("read_stage", "urgency").annotate(Count("id"))
    return {(ReadStage(stage), Urgency(urgency)): number for stage, urgency, number in rows}


def reserve_next(reader: User, clinic: Clinic, passed: Iterable[UUID] = ()) -> Case | None:
    """Reserves the first case for `reader` that is not among `passed` (those that they have left unsigned).

    Always from the top of the list, so that an urgent case that came a moment ago is next. Of two readers who ask at
    once, each gets another case.
    """
    found = readable_cases(reader, clinic).exclude(id__in=list(passed))
    for case in found[:NEXT_TRIES]:
        if reservations.reserve(case, reader):
            return case
    return None
