"""Tokens, strangers, people without a role."""

import pytest
from auditlog.models import LogEntry
from rest_framework.test import APIClient

from accounts.models import ApiToken
from cases.models import Patient
from tests.cast import make_patient, make_person

ME = "/api/v1/me/"
PATIENTS = "/api/v1/patients/"


def test_a_stranger_is_asked_for_a_token(db):
    answer = APIClient().get(PATIENTS)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Token")
    assert answer.json()["code"] == "not_authenticated"


@pytest.mark.parametrize(
    "header",
    ["Token", "Token nonsense", "Token two parts", "Token \xff\xfe", "Token \x00", "Token " + "0" * 300],
)
def test_what_is_no_token_is_refused(db, header):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    assert client.get(PATIENTS).status_code == 401


def test_the_token_is_stored_as_a_digest_only(alma):
    held, token = ApiToken.objects.create(alma.integration, name="robot")
    assert token not in [str(value) for value in vars(held).values()]
    assert token[20:] not in str(held)


def test_a_revoked_token_and_an_inactive_person_are_refused(alma, api):
    client = api(alma.integration)
    assert client.get(PATIENTS).status_code == 200
    alma.integration.is_active = False
    alma.integration.save()
    assert client.get(PATIENTS).status_code == 401
    alma.integration.is_active = True
    alma.integration.save()
    ApiToken.objects.all().delete()
    assert client.get(PATIENTS).status_code == 401


def test_me_names_clinics_roles_and_capabilities(alma, api):
    me = api(alma.doctor).get(ME).json()
    assert me["email"] == alma.doctor.email
    (clinic,) = me["clinics"]
    assert clinic["id"] == str(alma.clinic.id)
    assert clinic["roles"] == ["doctor"]
    assert "sign_reads" in clinic["capabilities"]
    assert "manage_users" not in clinic["capabilities"]


def test_a_person_without_a_role_learns_who_they_are_and_nothing_else(db, api):
    client = api(make_person(None))
    assert client.get(ME).json()["clinics"] == []
    assert client.get(PATIENTS).status_code == 403


def test_a_session_needs_the_csrf_token_to_write(alma):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(alma.staff, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(PATIENTS).status_code == 200
    assert client.post(PATIENTS, {}, format="json").status_code == 403


def test_the_audit_log_names_the_person_behind_the_token(alma, api):
    patient = make_patient(alma)
    answer = api(alma.integration).patch(f"{PATIENTS}{patient.id}/", {"given_name": "Iva"}, format="json")
    assert answer.status_code == 200
    entry = LogEntry.objects.get_for_object(Patient.objects.get(id=patient.id)).latest("timestamp")
    assert entry.actor == alma.integration


def test_too_many_requests_are_told_when_to_go_on(alma, api, settings):
    settings.API_REQUESTS_PER_MINUTE = 2
    client = api(alma.integration)
    answers = [client.get(ME) for _ in range(6)]  # six, in case a minute turns over between them
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert 0 < int(refused[0].headers["Retry-After"]) <= 60
    assert refused[0].json()["code"] == "throttled"
