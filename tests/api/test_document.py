"""The OpenAPI document: complete, valid, and kept by what the API really answers to made-up requests."""

import io

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import ApiToken
from cases.api.document import OnceMade
from skinclinic.wsgi import application
from tests.access.world import make_models, make_side

SCHEMA = schemathesis.openapi.from_dict(OnceMade().get_schema())
SCHEMA.app = application
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = [result.ok() for result in SCHEMA.get_all_operations()]

# Where nothing is sent but the address, nothing can be sent wrongly.
KINDS = [(one, GenerationMode.POSITIVE) for one in OPERATIONS] + [
    (one, GenerationMode.NEGATIVE) for one in OPERATIONS if one.body or one.query
]

# Which of the world's rows stands in the address, by the collection.
RECORDS = {
    "patients": "patient",
    "lesions": "lesion",
    "cases": "waiting",
    "images": "image",
    "predictions": "prediction",
    "reads": "read",
    "outcomes": "outcome",
    "models": "candidate",
}


@pytest.fixture
def _connection_stays():
    """The test's transaction lives on its connection, which the WSGI door would close after each request."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def test_the_document_is_valid_and_without_warnings():
    made = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=made)
    assert "/api/v1/patients/search/" in made.getvalue()


def test_the_document_names_every_route_of_the_api():
    from tests.access.test_matrix import DOORS

    undocumented = {"api-root", "api-schema", "api-docs"}
    routes = {name for name in DOORS if name.startswith("api-")} - undocumented
    assert len(OnceMade().get_schema()["paths"]) == len(routes)


def test_every_operation_says_in_a_line_what_it_does_and_how_it_refuses():
    for path, methods in OnceMade().get_schema()["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary"), f"{method} {path}"
            assert {"401", "403", "404", "429"} <= set(operation["responses"]), f"{method} {path}"


@pytest.mark.parametrize(("operation", "mode"), KINDS, ids=[f"{mode.value} {one.label}" for one, mode in KINDS])
@pytest.mark.usefixtures("db", "_connection_stays")
def test_made_up_requests_get_documented_answers(tmp_path, operation, mode):
    """Generated bodies and parameters, for rows that are there, as a lead doctor: never a 500, never a surprise."""
    side = make_side("Generated", "Almanova", make_models(), tmp_path / "media")
    _held, token = ApiToken.objects.create(side.cast.lead, name="generated")
    collection = operation.path.split("/")[3]
    attribute = RECORDS.get(collection)
    fixed = {"id": str(getattr(side, attribute).pk)} if attribute and "{id}" in operation.path else None
    known = {"patient": side.patient, "lesion": side.lesion, "case": side.waiting, "clinic": side.clinic}

    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=fixed))
    @settings(
        max_examples=6,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        if isinstance(case.body, dict):
            # Rows that are there, so that more than the look-up is tried.
            case.body.update({name: str(row.pk) for name, row in known.items() if name in case.body})
        case.call_and_validate(headers={"Authorization": f"Token {token}"}, checks=CHECKS)

    ask()


def test_the_page_of_the_api_has_no_inline_script_or_style(alma, client):
    client.force_login(alma.staff, backend="allauth.account.auth_backends.AuthenticationBackend")
    answer = client.get("/api/v1/docs/")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "<style" not in page
    assert "<script>" not in page
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]


def test_the_documents_are_for_those_who_are_signed_in(db):
    for address in ("/api/v1/docs/", "/api/v1/schema/"):
        assert Client().get(address).status_code == 401
