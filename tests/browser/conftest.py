"""What every browser test needs: Debian's Chromium, a live server, and a page of a person who is signed in."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from accounts.models import User
from tests import chromium, sessions


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(os.path.dirname(__file__)):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": chromium.path(), "args": chromium.ARGUMENTS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {
        **browser_context_args,
        "viewport": {"width": 1440, "height": 900},
        "locale": "en-GB",
        "timezone_id": "Europe/Vienna",
        "reduced_motion": "reduce",
    }


@pytest.fixture
def complaints(context: BrowserContext) -> Iterator[list[str]]:
    """What the browser complained of, over all pages: script errors and breaches of the content policy."""
    heard: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # A refused upload is an ordinary answer with a 4xx status, which Chromium notes as "Failed to load resource".
        if message.type == "error" and "Failed to load resource" not in message.text:
            heard.append(message.text)

    context.on("console", listen)
    context.on("weberror", lambda error: heard.append(str(error.error)))
    yield heard
    assert heard == []


@pytest.fixture
def browse_as(context: BrowserContext, live_server, complaints: list[str]) -> Callable[[User], Page]:
    """browse_as(person) -> a page of the live server on which that person is signed in; use `goto("/…")`."""

    def _browse_as(person: User) -> Page:
        key = sessions.key_for(person)
        context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": key, "url": live_server.url}])
        return context.new_page()

    return _browse_as


@pytest.fixture(scope="session")
def base_url(live_server) -> str:
    """Pages open paths relative to it."""
    return live_server.url
