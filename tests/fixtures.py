"""Fixtures that every app's tests share; tests/conftest.py loads them."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client, override_settings

from tests.cast import Cast, make_clinic


@pytest.fixture
def alma(db) -> Cast:
    return make_clinic("Alma")


@pytest.fixture
def brno(db) -> Cast:
    return make_clinic("Brno")


@pytest.fixture
def sign_in(client: Client):
    """sign_in(person) -> the client, signed in as that person."""

    def _sign_in(person) -> Client:
        client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return _sign_in


@pytest.fixture(autouse=True)
def _media(settings, tmp_path) -> None:
    """Photos of a test go to its own folder."""
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(autouse=True)
def _no_message_of_another_test(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages that no worker takes outlive their test in the broker, and the sweep counts what waits there."""
    if "broker_url" not in request.fixturenames:
        monkeypatch.setattr("cases.jobs.broker.waiting", lambda _queue: 0)


@pytest.fixture(scope="session", autouse=True)
def _plain_static_files() -> Iterator[None]:
    """Tests serve static files by their own names: the hashed ones exist only after `collectstatic`."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    # Not by assignment: whoever has asked for a storage by now (pytest, looking at what a module imports) has made
    # Django keep the storages as they were, and only the override's signal makes it look again.
    with override_settings(STORAGES={**settings.STORAGES, "staticfiles": plain}):
        yield
