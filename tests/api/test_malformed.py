"""Bodies that no sane program sends: a refusal in the API's own form, never an error of the server."""

import json
import threading
import time
from unittest import mock

import pytest
from django.db import connections
from rest_framework.test import APIClient
from uuid6 import uuid7

from accounts.models import ApiToken
from cases.models import Lesion, Outcome, Patient, Read
from tests.api.test_record import NEW_PATIENT, V1
from tests.cases.test_second_reads import sign
from tests.cast import make_patient, waiting_case

LONE_SURROGATE = '{"sex": "\\ud800", "family_name": "\\ud800"}'


def is_refused(answer, status: int, code: str) -> bool:
    assert answer["Content-Type"] == "application/json"
    assert set(answer.json()) == {"detail", "code"}, answer.content
    return (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    "body", ["{", "[" * 100_000, '{"a":' * 5_000, LONE_SURROGATE, '{"mrn": NaN}', b"\xff\xfe", "9" * 5_000]
)
def test_json_that_cannot_be_read_or_kept(alma, api, body):
    client = api(alma.staff)
    for headers in ({}, {"Idempotency-Key": "1"}):
        answer = client.post(f"{V1}/patients/", body, content_type="application/json", headers=headers)
        assert is_refused(answer, 400, "parse_error"), answer.content
    assert not Patient.objects.exists()


def test_json_that_is_too_long_is_not_read(alma, api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    client = api(alma.staff)
    answer = client.post(f"{V1}/patients/", {**NEW_PATIENT, "given_name": "x" * 1000}, format="json")
    assert is_refused(answer, 413, "too_long")
    assert client.post(f"{V1}/patients/", NEW_PATIENT, format="json").status_code == 201


@pytest.mark.parametrize("name", ["reads", "outcomes"])
def test_a_condition_that_the_database_could_not_be_asked_for(alma, api, name):
    case = waiting_case(alma)
    body = {"case": str(case.id), "certainty": "probable", "management": "biopsy", "ai_visible": False}
    if name == "outcomes":
        sign(case, alma.doctor)
        body = {"case": str(case.id), "reported_on": "2026-01-05"}
    before = Read.objects.count()
    for code in ("\x00", "NEV\x00", ["NEV"], {"code": "NEV"}, True, 10**30, "N" * 5000):
        answer = api(alma.doctor).post(f"{V1}/{name}/", {**body, "condition": code}, format="json")
        assert (answer.status_code, set(answer.json())) == (400, {"condition"}), code
    assert (Read.objects.count(), Outcome.objects.count()) == (before, 0)


def test_a_form_with_more_fields_than_are_read(alma, api):
    field = '--BB\r\nContent-Disposition: form-data; name="case"\r\n\r\nx\r\n'
    client = api(alma.staff)
    answer = client.post(
        f"{V1}/images/", (field * 2000 + "--BB--\r\n").encode(), content_type="multipart/form-data; boundary=BB"
    )
    assert is_refused(answer, 400, "parse_error")


@pytest.mark.django_db(transaction=True)
def test_a_lesion_that_is_sent_twice_at_once_is_one(alma):
    """With an id of the client's own and no key."""
    token = ApiToken.objects.create(alma.staff, name="race")[1]
    body = json.dumps({"id": str(uuid7()), "patient": str(make_patient(alma).id), "body_site": "nose"})
    begin, answers, save = threading.Barrier(3, timeout=20), [], Lesion.save

    def slowly(*args, **options):
        time.sleep(0.3)  # the others have looked by now, if they can
        return save(*args, **options)

    def send():
        client = APIClient(raise_request_exception=False)
        client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
        try:
            begin.wait()
            answers.append(client.post(f"{V1}/lesions/", body, content_type="application/json"))
        finally:
            connections.close_all()

    with mock.patch.object(Lesion, "save", slowly):
        threads = [threading.Thread(target=send) for _each in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len(answers) == 3
    assert Lesion.objects.count() == 1
