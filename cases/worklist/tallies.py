"""How many cases the worklist holds under each tab and each saved view: what their links lead to, counted cheaply.

Counting stops at COUNT_LIMIT. That is no limit to the work where each case is asked whether it passes a filter and few
do: such a filter is put to the REACH cases that come first in the list, and the number says "or more" where there are
others.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.models import Clinic
from cases.access import Person
from cases.numbers import Number
from cases.worklist import counts, listing
from cases.worklist.filters import Filters, Tab

REACH = 1000


@dataclass(frozen=True)
class Tally:
    filters: Filters
    number: int
    is_more: bool = False  # there are cases that were not asked

    @property
    def tab(self) -> Tab:
        return self.filters.tab

    def __str__(self) -> str:
        return f"{self.number}+" if self.is_more and self.number <= counts.COUNT_LIMIT else counts.capped(self.number)


def of_tabs(filters: Filters) -> list[Filters]:
    """What the links of the tabs lead to, from a list with `filters`."""
    return [filters.on(tab) for tab in Tab]


def count(person: Person, clinic: Clinic, lists: Iterable[Filters]) -> list[Tally]:
    """How many cases each of the lists holds; one query for all."""
    wanted = list(lists)
    columns: dict[str, Number] = {}
    for place, filters in enumerate(wanted):
        columns |= _columns(f"list{place}", person, clinic, filters)
    found = counts.ask(clinic, columns)
    return [
        Tally(filters, found[f"list{place}"], bool(found.get(f"list{place}_more")))
        for place, filters in enumerate(wanted)
    ]


def _columns(key: str, person: Person, clinic: Clinic, filters: Filters) -> dict[str, Number]:
    found = listing.indexed(person, clinic, filters)
    if not filters.asks_each_case:
        return {key: counts.up_to_limit(found)}
    first = listing.in_order(found, filters).values("pk")
    passing = listing.narrowed(person, clinic, found.filter(pk__in=first[:REACH]), filters)
    return {
        key: counts.up_to_limit(passing),
        f"{key}_more": Number(first[REACH : REACH + 1]),
    }
