"""The doctors' list: which cases, in which order, with which counts."""

from django.db.models import Count, QuerySet

from accounts.models import Clinic
from cases.access import Person, cases
from cases.models import Case, CaseState, Urgency


def open_cases(person: Person, clinic: Clinic) -> QuerySet[Case]:
    """The cases of `clinic` that wait for a doctor, the most urgent and longest waiting first."""
    return (
        cases(person)
        .filter(clinic=clinic, state=CaseState.WAITING)
        .select_related("lesion__patient")
        .order_by("urgency", "waiting_since", "id")
    )


def waiting_counts(person: Person, clinic: Clinic) -> dict[Urgency, int]:
    """How many cases wait in each tier; every tier is present."""
    rows = (
        cases(person)
        .filter(clinic=clinic, state=CaseState.WAITING)
        .order_by()
        .values("urgency")
        .annotate(number=Count("id"))
    )
    counted = {row["urgency"]: row["number"] for row in rows}
    return {tier: counted.get(tier.value, 0) for tier in Urgency}
