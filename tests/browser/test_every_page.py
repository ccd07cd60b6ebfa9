"""Every page as every role sees it: axe, the width of a phone, a tablet and a desk, focus rings, room for a finger.

The pages are those of the URL configuration: a new one without a line in tests/access/rules.py fails there, and one
with a line is looked at here. A role is skipped where it sees no kind of element that another has not shown already.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from django.conf import settings as django_settings
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page

from accounts.models import User
from tests.access import rules
from tests.access.rules import ALL_RULES, NOBODY, OPERATOR, PEOPLE, STRANGER, Rule
from tests.access.test_matrix import BACKEND, DOORS
from tests.access.world import Side, make_models, make_side
from tests.cast import make_person

DESK, TABLET, PHONE = ({"width": width, "height": 900} for width in (1440, 820, 390))
CHECKS = Path(__file__).with_name("every_page.js").read_text(encoding="utf-8")

# Further states of a page, beside the one that the rule names: their arguments, and what follows the address.
STATES: dict[str, list[tuple[str, str]]] = {
    "case_detail": [("case_id", state) for state in ("draft", "waiting", "withdrawn", "wanted")],
    "report_page": [("case_id", "waiting")],
}
QUERIES = {
    "worklist": ["?tab=draft", "?tab=signed", "?tab=withdrawn", "?tab=waiting&urgency=1"],
    "case_new": ["?patient={patient}"],
    "figures": ["?show=agreement", "?show=groups"],
}
# The most telling first: what the others see is mostly a part of it.
ROLES = (rules.LEAD, rules.STAFF, rules.DOCTOR, OPERATOR, rules.ADMIN, NOBODY, STRANGER, rules.INTEGRATION)

# Not silenced but not ours: drawn by Swagger UI within its own element, whose release we ship as it is.
FOREIGN = {"api-docs": "#swagger-ui"}

# One test each, so that the processes of a run share them. The first that holds a page has it.
GROUPS = {
    "account": r"account_|mfa_|api-|notification|home",
    "admin records": r"admin:(cases|account_|mfa_)",
    "admin": r"admin:",
    "models": r"model|training|rescored|comparison|practice|figure",
    "record": r"",
}


def group_of(name: str) -> str:
    return next(group for group, names in GROUPS.items() if re.match(names, name))


def addresses(name: str, rule: Rule, side: Side) -> list[str]:
    own = reverse(name, kwargs=rule.of(side) if rule.of else {})
    found = [own, *(own + query.format(patient=side.patient.pk) for query in QUERIES.get(name, []))]
    for argument, attribute in STATES.get(name, []):
        found.append(reverse(name, kwargs={argument: getattr(side, attribute).pk}))
    return found


_VALUES = re.compile(r'\b(href|src|id|for|value|content|action|title|datetime|data-[a-z-]+|aria-[a-z-]+)="[^"]*"')
_NAMES = re.compile(r'\b(class|name)="[^"]*"')


class Known:
    """The kinds of elements that were looked at: of each page, and of the frame around all of them."""

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = {}

    def is_new(self, name: str, address: str, html: str) -> bool:
        """Whether something stands on the page that did not before; what it holds is known from now on."""
        if name.startswith("admin:"):
            # Django makes its lists and forms of the same parts for every model.
            return self._adds(name.rsplit("_", 1)[-1], _NAMES.sub("", html))
        frame, _, main = html.partition("<main")
        return any([self._adds("frame", frame), self._adds(address, main or html)])

    def _adds(self, place: str, html: str) -> bool:
        tags = (_VALUES.sub("", tag) for tag in re.findall(r"<[a-z][^>]*>", html))
        kinds = {" ".join(re.sub(r"[0-9a-f-]{12,}|\d+", "0", tag).split()) for tag in tags}
        seen = self.seen.setdefault(place, set())
        fresh = kinds - seen
        seen |= fresh
        return bool(fresh)


def violations(page: Page, but: str | None) -> list[str]:
    context = json.dumps({"exclude": [but]} if but else {"include": ["html"]})
    options = '{resultTypes: ["violations"], preload: false, elementRef: false}'
    found = page.evaluate(f"axe.run({context}, {options}).then((all) => all.violations)")
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][-120:]}"
        for each in found
        for node in each["nodes"][:3]
    ]


class Walk:
    """Looks at pages and keeps what is wrong with them, so that one run tells all of it."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        context.add_init_script(Path(AXE_FILE_PATH).read_text(encoding="utf-8") + CHECKS)
        self.page = context.new_page()
        self.context, self.url = context, url
        self.wrong: list[str] = []

    def sign_in(self, client: Client | None) -> None:
        self.context.clear_cookies()
        if client:
            cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
            self.context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": cookie, "url": self.url}])

    def look(self, name: str, role: str, address: str) -> None:
        page = self.page
        page.set_viewport_size(DESK)
        page.emulate_media(color_scheme="light")
        page.goto(address)
        page.evaluate("document.fonts.ready")
        ours = not name.startswith(("admin:", "api-"))
        seen = {"desk, light": self.checks(*(["movedWhileLoading"] if ours else []), "sticksOut", "outOfOrder")}
        seen["desk, light"] += violations(page, FOREIGN.get(name)) + self.checks("withoutFocusRing")
        page.set_viewport_size(TABLET)
        seen["tablet"] = self.checks("sticksOut")
        page.set_viewport_size(PHONE)
        page.emulate_media(color_scheme="dark")
        if page.locator("html[data-bs-theme]").count():
            page.locator("html[data-bs-theme=dark]").wait_for(state="attached")
        seen["phone, dark"] = violations(page, FOREIGN.get(name)) + self.checks("sticksOut")
        if ours:
            seen["phone, dark"] += self.checks("tooSmallForAFinger")
        for where, found in seen.items():
            self.wrong += [f"{name} ({role}, {where}): {each}" for each in found]

    def checks(self, *names: str) -> list[str]:
        return [f"{name}: {each}" for name in names for each in self.page.evaluate(f"pageChecks.{name}()")]


def is_page(answer: HttpResponse) -> bool:
    """Not a redirect, a file, JSON, or the part of a page that a script asks for."""
    is_html = answer.headers.get("Content-Type", "").startswith("text/html")
    return is_html and not answer.has_header("Location") and b"<html" in answer.content[:200]


@pytest.fixture
def side(transactional_db, settings, tmp_path) -> Side:
    settings.MEDIA_ROOT = tmp_path
    settings.ACCOUNT_RATE_LIMITS = False
    return make_side("Own", "Almanova", make_models(), tmp_path)


@pytest.fixture
def clients(side: Side) -> dict[str, Client | None]:
    people: dict[str, Any] = {role: side.cast.role(role) for role in PEOPLE}
    people |= {NOBODY: make_person(None), OPERATOR: User.objects.create_superuser("op@example.org", name="Operator")}
    found: dict[str, Client | None] = {STRANGER: None}
    for role, person in people.items():
        client = found[role] = Client()
        client.force_login(person, backend=BACKEND)
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_every_page_is_fit_to_be_used(side, clients, context, live_server, complaints, group):
    walk = Walk(context, live_server.url)
    known = Known()
    for role in ROLES:
        client = clients[role]
        walk.sign_in(client)
        for name in sorted(DOORS):
            rule = ALL_RULES.get(name, {}).get("GET")
            if rule is None or role not in rule.who or group_of(name) != group:
                continue
            for address in addresses(name, rule, side):
                answer = (client or Client()).get(address)
                if is_page(answer) and known.is_new(name, address, answer.content.decode()):
                    walk.look(name, role, address)
    assert walk.wrong == [], "\n".join(walk.wrong)
