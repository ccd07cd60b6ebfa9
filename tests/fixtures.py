"""Fixtures that every app's tests share; tests/conftest.py loads them."""

import pytest
from django.conf import settings
from django.test import Client

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


@pytest.fixture(scope="session", autouse=True)
def _plain_static_files() -> None:
    """Tests serve static files by their own names: the hashed ones exist only after `collectstatic`."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
