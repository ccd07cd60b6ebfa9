"""How many cases there are, counted no further than anybody reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from accounts.models import Clinic
from cases.access import Person, cases
from cases.numbers import Number
from cases.worklist.filters import Filters, Tab

COUNT_LIMIT = 999


@dataclass(frozen=True)
class Tally:
    tab: Tab
    number: int
    filters: Filters = field(default_factory=Filters)

    def __str__(self) -> str:
        return capped(self.number)


def capped(number: int) -> str:
    """A number that was counted up to COUNT_LIMIT and one more."""
    return f"{COUNT_LIMIT}+" if number > COUNT_LIMIT else str(number)


def tallies(person: Person, clinic: Clinic, filters: Filters) -> list[Tally]:
    """How many cases each tab holds, with the filters that its link carries; counting stops at COUNT_LIMIT."""
    mine = cases(person).filter(clinic=clinic).order_by()
    found = numbers(clinic, {tab.value: mine.filter(state=tab.value) for tab in Tab})
    return [Tally(tab, found[tab.value], filters.on(tab)) for tab in Tab]


def numbers(clinic: Clinic, counted: Mapping[str, QuerySet[Any]]) -> dict[str, int]:
    """How many rows each queryset has, at most COUNT_LIMIT and one more.

    One query for all of them: each number is a subquery of its own, which stops counting by itself.
    """
    columns = {name: Number(found.order_by().values("pk")[: COUNT_LIMIT + 1]) for name, found in counted.items()}
    return dict(zip(columns, Clinic.objects.filter(id=clinic.id).values_list(*columns.values()).get(), strict=True))
