"""The doors of the product, enumerated from the URL configuration, and a world of two clinics to knock at them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from accounts.models import ApiToken, User
from tests.access import rules
from tests.access.rules import OPERATOR, PEOPLE, STRANGER, Rule
from tests.access.world import Side, make_models, make_side
from tests.cast import make_person

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def walk(resolver: URLResolver, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from walk(pattern, inner)
        else:
            yield f"{namespace}{pattern.name or ''}", pattern


def doors() -> dict[str, URLPattern]:
    found = {}
    for name, pattern in walk(get_resolver()):
        # The admin's two without a name: the old form of a change address, and the page for what is not found.
        if name == "admin:" and pattern.callback.__module__ in (
            "django.views.generic.base",
            "skinclinic.admin_site",
            "django.contrib.admin.sites",
        ):
            continue
        found[name] = pattern
    return found


DOORS = doors()


@dataclass
class World:
    own: Side
    foreign: Side
    people: dict[str, User]
    sessions: dict[str, str]
    tokens: dict[str, str]
    media: Path
    client: Client  # one for all: each new one would load the middleware anew


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def open_world(media: Path) -> Iterator[World]:
    """Two clinics and everybody who may come, in a transaction that is rolled back; the database must be unblocked."""
    with rolled_back():
        models = make_models()
        own = make_side("Own", "Almanova", models, media)
        foreign = make_side("Foreign", "Brnovska", models, media)
        people = {
            **{role: own.cast.role(role) for role in PEOPLE},
            rules.NOBODY: make_person(None),
            OPERATOR: User.objects.create_superuser("operator@example.org", name="Operator"),
        }
        sessions, tokens = {}, {}
        for role, person in people.items():
            client = Client()
            client.force_login(person, backend=BACKEND)
            sessions[role] = client.cookies[settings.SESSION_COOKIE_NAME].value
            tokens[role] = ApiToken.objects.create(person, name=role)[1]
        yield World(own, foreign, people, sessions, tokens, media, Client())


def knock(
    world: World,
    name: str,
    method: str,
    rule: Rule | None,
    role: str,
    side: Side,
    unknown: bool = False,
    query: str = "",
) -> HttpResponseBase:
    """One request by `role` for the record of `side`; `unknown`: for an id that never was."""
    arguments = rule.of(side) if rule and rule.of else {}
    if unknown:
        arguments = {key: uuid4() if isinstance(value, UUID) else "0" * 8 for key, value in arguments.items()}
    address = reverse(name, kwargs=arguments) + query
    client, headers = world.client, {}
    client.cookies.clear()
    if role != STRANGER:
        if name.startswith("api-"):
            headers["Authorization"] = f"Token {world.tokens[role]}"
        else:
            client.cookies[settings.SESSION_COOKIE_NAME] = world.sessions[role]
    body = rule.body(side) if rule and rule.body else {}
    with rolled_back():
        if method == "GET":
            return client.get(address, headers=headers)
        send = getattr(client, method.lower())
        if rule is None or (method == "POST" and not rule.json):
            return send(address, body if method == "POST" else "", headers=headers)
        return send(address, body, content_type="application/json", headers=headers)


def outcome(answer: HttpResponseBase) -> int | str:
    """The status, or "login" where the answer leads to the sign-in."""
    to = answer.headers.get("Location", "")
    if answer.status_code == 302 and to.startswith(("/accounts/login/?next=", "/admin/login/?next=")):
        return "login"
    return answer.status_code


def text(answer: HttpResponseBase) -> str:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    return body.decode(errors="replace") + str(answer.headers)
