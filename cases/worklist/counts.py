"""How many cases there are, counted no further than anybody reads."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from accounts.models import Clinic
from cases.numbers import Number

COUNT_LIMIT = 999


def capped(number: int) -> str:
    """A number that was counted up to COUNT_LIMIT and one more."""
    return f"{COUNT_LIMIT}+" if number > COUNT_LIMIT else str(number)


def numbers(clinic: Clinic, counted: Mapping[str, QuerySet[Any]]) -> dict[str, int]:
    """How many rows each queryset has, at most COUNT_LIMIT and one more; one query for all of them."""
    return ask(clinic, {name: up_to_limit(found) for name, found in counted.items()})


def up_to_limit(found: QuerySet[Any]) -> Number:
    """How many rows `found` has, at most COUNT_LIMIT and one more: a subquery that stops counting by itself."""
    return Number(found.order_by().values("pk")[: COUNT_LIMIT + 1])


def ask(clinic: Clinic, columns: Mapping[str, Number]) -> dict[str, int]:
    """What the columns count, in one query."""
    return dict(zip(columns, Clinic.objects.filter(id=clinic.id).values_list(*columns.values()).get(), strict=True))
