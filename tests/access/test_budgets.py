"""Every page takes fewer than twelve queries, and the same number for ten rows as for forty.

The pages are the doors of tests/access/rules.py, so a new page is held to it without being named here. Session, person
and roles, which every page asks for, are three of the twelve.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.access import crowd, rules
from tests.access.doors import DOORS, World, knock, open_world
from tests.access.rules import ALL_RULES, Rule

MOST = 11
FEW, MANY = 10, 40


@dataclass(frozen=True)
class Page:
    """One request: a door, a role and what is asked of it."""

    name: str
    method: str
    role: str
    rule: Rule
    query: str = ""
    what: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.method, self.name, self.what, self.query, self.role)))


# The searches, which are sent as forms so that no name stands in an address.
SEARCHES = ("patient_list", "patient_pick", "api-patient-search")
DIFFER = ("home", "worklist", "case_detail", "figures", "model_detail", "admin:accounts_user_change")
QUERIES = {
    "worklist": (
        "?tab=waiting&ai=flagged",
        "?tab=draft",
        "?tab=signed",
        "?tab=withdrawn",
        "?tab=photos",
        "?tab=waiting&late=1&mine=1",
    ),
    "figures": ("?show=flow", "?show=agreement", "?show=outcomes", "?show=groups", "?show=drift"),
    "figure_cases": ("?at=NEV_NEV", "?at=NEV&of=0"),
    "patient_list": ("?page=2",),
}


def pages(*, admin: bool) -> Iterator[Page]:
    roles = (rules.LEAD, rules.ADMIN, rules.OPERATOR) if admin else (rules.STAFF, rules.DOCTOR, rules.LEAD)
    for name, by_method in ALL_RULES.items():
        if name not in DOORS or name.startswith("admin:") != admin:
            continue
        for method, rule in by_method.items():
            searches = name in SEARCHES or (admin and name.endswith("_changelist"))
            if method != "GET" and not (method == "POST" and searches):
                continue
            shown_to = [role for role in roles if role in rule.who] or list(rule.who[:1])
            # The last sees most. What a page asks for a role differs where the work does.
            for role in shown_to if name in DIFFER else shown_to[-1:]:
                yield from _of(Page(name, method, role, rule))


def _of(page: Page) -> Iterator[Page]:
    yield page
    if page.method == "GET":
        for query in QUERIES.get(page.name, ()):
            yield replace(page, query=query)
    if page.name in ("case_detail", "case_opinion"):
        for state in crowd.STATES:
            of = _case_in(state)
            yield replace(page, rule=replace(page.rule, of=of), what=state)


def _case_in(state: str) -> Any:
    return lambda side: {"case_id": getattr(side, state).pk}


def counted(world: World, page: Page) -> list[str]:
    with CaptureQueriesContext(connection) as taken:
        knock(world, page.name, page.method, page.rule, page.role, world.own, query=page.query)
    # The test's own transaction, and the request's, are no questions.
    return [
        query["sql"] for query in taken if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN"))
    ]


@pytest.mark.one_pair
@pytest.mark.parametrize("admin", [False, True], ids=["pages and API", "admin"])
def test_every_page_takes_few_queries_and_no_more_for_many_rows(admin, db, settings, tmp_path):
    settings.API_REQUESTS_PER_MINUTE, settings.ACCOUNT_RATE_LIMITS = 10_000_000, False
    ContentType.objects.get_for_models(*apps.get_models())
    looked_at = list(pages(admin=admin))
    with open_world(tmp_path) as world:
        settings.MEDIA_ROOT = tmp_path
        crowd.crowd(world.own, FEW)
        few = {page: counted(world, page) for page in looked_at}
        crowd.crowd(world.own, MANY - FEW)
        many = {page: counted(world, page) for page in looked_at}
    grown = {str(page): (len(few[page]), len(many[page])) for page in looked_at if len(many[page]) != len(few[page])}
    assert not grown, f"These pages take other numbers of queries with {FEW} and with {MANY} rows: {grown}"
    over = {str(page): len(found) for page, found in many.items() if len(found) > MOST}
    assert not over, f"These pages take more queries than they may: {over}"
