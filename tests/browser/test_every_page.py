"""Every page as every role sees it: axe, the width of a phone, a tablet and a desk, focus rings, a finger, motion.

The pages are those of the URL configuration: a new one without a line in tests/access/rules.py fails there, and one
with a line is looked at here, as the one role that sees most of it.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import BrowserContext
from uuid6 import uuid7

from accounts.models import User
from cases.models import LesionImage, PracticeCase, PracticeRead
from inference.models import ModelVersion
from tests.access import rules
from tests.access.doors import BACKEND, DOORS
from tests.access.rules import ALL_RULES, NOBODY, OPERATOR, PEOPLE, STRANGER, Rule
from tests.access.world import Side, make_models, make_side
from tests.browser.looks import DESK, LOOKS_ONLY, PHONE, TABLET, violations
from tests.cases.readings import predict
from tests.cast import make_person, photo

CHECKS = Path(__file__).with_name("every_page.js").read_text(encoding="utf-8")

# Further states of a page, beside the one that the rule names: their arguments, and what follows the address.
STATES: dict[str, list[tuple[str, str]]] = {
    "case_detail": [("case_id", state) for state in ("draft", "waiting", "withdrawn", "wanted")],
    "report_page": [("case_id", "waiting")],
    "practice_case": [("practice_id", "practice_begun"), ("practice_id", "practice_finished")],
}
QUERIES = {
    "worklist": [
        "?tab=draft",
        "?tab=signed",
        "?tab=withdrawn",
        "?tab=waiting&urgency=1",
        "?tab=photos",
        "?tab=waiting&late=1&mine=1",
    ],
    "case_new": ["?patient={patient}"],
    "figures": ["?show=agreement", "?show=groups", "?show=outcomes", "?show=drift"],
    "figure_cases": ["?at=NEV_MEL"],
}
# Who looks: the first of them that may. A stranger's entrance shows nothing to those who are signed in.
LOOKERS = (STRANGER, rules.LEAD, OPERATOR, rules.STAFF)
# Pages that are another to others.
ALSO = {
    "home": (rules.STAFF, rules.DOCTOR, rules.ADMIN, NOBODY),
    "worklist": (rules.STAFF,),
    "case_detail": (rules.STAFF, rules.DOCTOR),
    "notification_list": (rules.STAFF,),
}
# Django makes its lists and forms of the same parts for every model; these have parts of their own.
ADMIN = re.compile(
    "admin:(index|password_change|accounts_(user|clinic)_|cases_(case|lesionimage)_change|inference_modelversion_change)"
)

# Not ours: drawn by Swagger UI within its own element, whose release we ship as it is.
FOREIGN = {"api-docs": "#swagger-ui"}

# One test each, so that the first wrong page of one does not hide those of another.
GROUPS = {
    "account": r"account_|mfa_|api-|notification|home|own_",
    "admin": r"admin:",
    "models and figures": r"model|training|rescored|comparison|practice|figure|clinic_",
    "record": r"",
}


def group_of(name: str) -> str:
    return next(group for group, names in GROUPS.items() if re.match(names, name))


def lookers(name: str, rule: Rule) -> list[str]:
    if name.startswith("admin:"):
        return [OPERATOR] if ADMIN.match(name) else []
    first = next(role for role in LOOKERS if role in rule.who)
    return [first, *(role for role in ALSO.get(name, ()) if role in rule.who)]


def addresses(name: str, rule: Rule, side: Side) -> list[str]:
    own = reverse(name, kwargs=rule.of(side) if rule.of else {})
    found = [own, *(own + query.format(patient=side.patient.pk) for query in QUERIES.get(name, []))]
    for argument, attribute in STATES.get(name, []):
        found.append(reverse(name, kwargs={argument: getattr(side, attribute).pk}))
    return found


class Walk:
    """Looks at pages and keeps what is wrong with them, so that one run tells all of it."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        context.add_init_script(CHECKS)
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
        seen = {"desk, light": self.checks("sticksOut", "outOfOrder")}
        if ours:
            seen["desk, light"] += self.checks("movedWhileLoading")
        if name != "api-docs":
            seen["desk, light"] += self.checks("movesAllTheSame")
        seen["desk, light"] += violations(page, FOREIGN.get(name)) + self.checks("withoutFocusRing")
        page.set_viewport_size(TABLET)
        seen["tablet"] = self.checks("sticksOut")
        page.set_viewport_size(PHONE)
        page.emulate_media(color_scheme="dark")
        if page.locator("html[data-bs-theme]").count():
            page.locator("html[data-bs-theme=dark]").wait_for(state="attached")
        seen["phone, dark"] = violations(page, FOREIGN.get(name), LOOKS_ONLY)
        seen["phone, dark"] += self.checks("sticksOut", "tooNarrowToRead", "lightInTheDark")
        if ours:
            seen["phone, dark"] += self.checks("tooSmallForAFinger")
        if page.locator(".openseadragon-canvas").count():
            page.wait_for_load_state("networkidle")  # a photo broken off in its loading is a complaint
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
    side = make_side("Own", "Almanova", make_models(), tmp_path)
    # Names as long as they come, and a scorecard with something in it.
    ModelVersion.objects.filter(pk=side.candidate.pk).update(name="efficientnet-lite2-from-signed-cases-2026-11")
    side.patient.family_name, side.patient.given_name = "Papadopoulou-Konstantinidou-Oberhauserova", "Maria Magdalena"
    side.patient.save()
    for number, ended in (("6", {"final": side.condition, "finished_at": timezone.now()}), ("7", {})):
        read = PracticeCase.objects.get(pk=side.practice.pk)
        read.pk, read.sha256 = uuid7(), number * 64
        read.save(force_insert=True)
        PracticeRead.objects.create(practice=read, reader=side.cast.lead, first=read.answer, **ended)
    predict(side.signed.images.get(), side.model, probabilities=[["MEL", 0.9], ["NEV", 0.1]])
    for image in LesionImage.objects.all():
        for file in (image.original, image.derivative, image.thumbnail):
            (tmp_path / file.name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file.name).write_bytes(photo(width=640, height=480))
    return side


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
    looked_at = 0
    pages = [(name, ALL_RULES.get(name, {}).get("GET")) for name in sorted(DOORS) if group_of(name) == group]
    for name, rule in pages:
        for nth, role in enumerate(lookers(name, rule) if rule else ()):
            client = clients[role]
            for address in addresses(name, rule, side)[: 1 if nth else None]:
                if is_page((client or Client()).get(address)):
                    walk.sign_in(client)
                    walk.look(name, role, address)
                    looked_at += 1
    assert looked_at >= 10, looked_at
    assert walk.wrong == [], "\n".join(walk.wrong)
