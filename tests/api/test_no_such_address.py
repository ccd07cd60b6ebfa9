"""Addresses of the API that match no route answer programs in JSON, in the form of every other refusal."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "address", ["/api/", "/api/v1/nothing/", "/api/v2/patients/", "/api/v1/patients/7/", "/api/v1/images/../../etc"]
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_it_is_a_problem_and_no_page(client, address, method):
    response = getattr(client, method)(address)
    assert (response.status_code, response["Content-Type"]) == (404, "application/json")
    assert response.json()["code"] == "not_found"


def test_a_missing_slash_is_still_mended(client):
    assert client.get("/api/v1/me")["Location"] == "/api/v1/me/"


def test_pages_keep_their_page(client):
    response = client.get("/nothing/")
    assert (response.status_code, response["Content-Type"].split(";")[0]) == (404, "text/html")


def test_a_surprise_in_the_api_is_a_problem_too(monkeypatch):
    from cases.api.conditions import ConditionViewSet

    monkeypatch.setattr(ConditionViewSet, "initial", lambda *args, **kwargs: 1 / 0)
    response = Client(raise_request_exception=False).get("/api/v1/conditions/")
    assert (response.status_code, response.json()["code"]) == (500, "error")
