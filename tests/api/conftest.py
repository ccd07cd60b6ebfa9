import pytest
from rest_framework.test import APIClient

from accounts.models import ApiToken


@pytest.fixture
def api():
    """api(person) -> a client that signs in with a token of that person, as an integration would."""

    def _api(person) -> APIClient:
        _held, token = ApiToken.objects.create(person, name="test")
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        return client

    return _api
