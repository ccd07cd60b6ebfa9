"""`Idempotency-Key`: one request, one effect, one answer."""

import threading
import time
from datetime import timedelta
from unittest import mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiToken, Membership
from cases import idempotency
from cases.idempotency import LEASE
from cases.models import KeptAnswer, Lesion, LesionImage, Outcome, Patient, Read
from cases.record import lesions
from cases.tasks import sweep_kept_answers
from tests.api.test_record import NEW_PATIENT, V1
from tests.cast import make_case, make_patient, photo, waiting_case

KEY = "7f9c2e51"


def post(client, path, body, key=KEY, format="json"):
    return client.post(f"{V1}/{path}/", body, format=format, headers={"Idempotency-Key": key})


def same(first, again) -> bool:
    told = [(answer.status_code, answer.content, answer["Content-Type"]) for answer in (first, again)]
    return told[0] == told[1] and again["Idempotent-Replayed"] == "true"


def signed_in(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


def picture(seed: int = 0) -> SimpleUploadedFile:
    return SimpleUploadedFile("a.jpg", photo(seed=seed), "image/jpeg")


def test_the_same_request_again_gets_the_first_answer(alma, api):
    client = api(alma.staff)
    first = post(client, "patients", NEW_PATIENT)
    # Sent again with other spaces and in another order, and answered as before although the record went on.
    Patient.objects.update(given_name="Changed")
    again = post(client, "patients", dict(reversed(NEW_PATIENT.items())))
    assert first.status_code == 201
    assert same(first, again)
    assert Patient.objects.count() == 1


def test_every_kind_of_record_is_made_once(alma, api):
    patient, case = make_patient(alma), waiting_case(alma)
    staff, doctor = api(alma.staff), api(alma.doctor)
    lesion = {"patient": str(patient.id), "body_site": "nose"}
    new_case = {"lesion": str(case.lesion_id)}
    read = {"case": str(case.id), "condition": "NEV", "certainty": "probable", "management": "discharge"}
    read |= {"ai_visible": False, "newest_seen": None}
    outcome = {"case": str(case.id), "condition": "NEV", "reported_on": "2026-01-05"}
    asked = [(staff, "lesions", lesion), (staff, "cases", new_case), (doctor, "reads", read)]
    for client, path, body in [*asked, (doctor, "outcomes", outcome)]:
        first = post(client, path, body)
        assert first.status_code == 201, first.content
        assert same(first, post(client, path, body)), path
        # The key is this request's alone: at another address it is refused.
        break_in = post(client, "patients", NEW_PATIENT)
        assert (break_in.status_code, break_in.json()["code"]) == (422, "idempotency_key_reused")
        KeptAnswer.objects.all().delete()
    assert (Lesion.objects.filter(patient=patient).count(), Read.objects.count(), Outcome.objects.count()) == (1, 1, 1)
    assert patient.clinic.cases.count() == 2


def test_a_photo_counts_by_its_bytes(alma, api):
    case, client = make_case(alma), api(alma.staff)
    first = post(client, "images", {"case": str(case.id), "file": picture()}, format="multipart")
    assert first.status_code == 201
    assert same(first, post(client, "images", {"case": str(case.id), "file": picture()}, format="multipart"))
    other = post(client, "images", {"case": str(case.id), "file": picture(1)}, format="multipart")
    assert other.status_code == 422
    # Taken out since, it is still told to the one who sent it, and not put back.
    client.post(f"{V1}/images/{first.json()['id']}/remove/")
    assert same(first, post(client, "images", {"case": str(case.id), "file": picture()}, format="multipart"))
    assert not case.images.filter(removed_at__isnull=True).exists()


def test_a_photo_with_an_id_of_its_own_is_one_photo(alma, api):
    case, client = make_case(alma), api(alma.staff)
    body = {"case": str(case.id), "id": "0192f7c0-7a10-7000-8000-5d3c1b2a0009"}
    for _try in range(2):
        answer = client.post(f"{V1}/images/", {**body, "file": picture()}, format="multipart")
        assert answer.json()["id"] == body["id"]
    taken = client.post(f"{V1}/images/", {**body, "file": picture(1)}, format="multipart")
    assert (taken.status_code, taken.json()["code"]) == (409, "id_taken")
    assert LesionImage.objects.count() == 1


def test_refusals_are_kept_and_surprises_are_not(alma, api):
    client, body = api(alma.staff), {**NEW_PATIENT, "birth_date": "soon"}
    assert same(post(client, "patients", body), post(client, "patients", body))
    with mock.patch("cases.record.patients.register", side_effect=RuntimeError), pytest.raises(RuntimeError):
        post(client, "patients", NEW_PATIENT, key="other")
    assert post(client, "patients", NEW_PATIENT, key="other").status_code == 201


def test_another_body_another_token_another_key(alma, api):
    client = api(alma.staff)
    assert post(client, "patients", NEW_PATIENT).status_code == 201
    answer = post(client, "patients", {**NEW_PATIENT, "mrn": "ab-2"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert post(api(alma.staff), "patients", {**NEW_PATIENT, "mrn": "ab-2"}).status_code == 201
    for key in ("ä", "", "x" * 256):
        assert post(client, "patients", NEW_PATIENT, key=key.encode("latin-1")).json()["code"] == "idempotency_key"


def test_a_kept_answer_is_not_shown_to_who_lost_the_role(alma, brno, api):
    client = api(alma.staff)
    first = post(client, "patients", NEW_PATIENT)
    Membership.objects.filter(user=alma.staff).update(clinic=brno.clinic)
    again = post(client, "patients", NEW_PATIENT)
    assert (first.status_code, again.status_code) == (201, 404)
    assert "Hor" not in again.content.decode()


def test_nothing_readable_is_stored(alma, api):
    post(api(alma.staff), "patients", NEW_PATIENT)
    row = KeptAnswer.objects.values().get()
    body = bytes(row.pop("body")).decode()
    stored = f"{body} {row}"
    assert not [word for word in (KEY, "AB-1", "Hor", "1950", str(alma.clinic.id)) if word in stored]


@pytest.mark.parametrize("moved", [-LEASE, timedelta(days=1)], ids=["run out", "of a clock that ran ahead"])
def test_a_request_whose_server_died_is_taken_over_without_a_second_record(alma, api, moved):
    client, body = api(alma.staff), {"patient": str(make_patient(alma).id), "body_site": "nose"}
    # The lesion was made, and the process ended before its answer was kept.
    with mock.patch.object(idempotency.Claim, "keep"):
        made = post(client, "lesions", body)
    waiting = post(client, "lesions", body)
    assert (waiting.status_code, waiting.json()["code"]) == (409, "idempotency_in_progress")
    assert waiting["Retry-After"] == "1"
    KeptAnswer.objects.update(lease_until=timezone.now() + moved)
    again = post(client, "lesions", body)
    assert again.json() == made.json()
    assert Lesion.objects.count() == 1


def test_keys_are_forgotten_after_a_day(alma, api):
    client = api(alma.staff)
    post(client, "patients", NEW_PATIENT)
    KeptAnswer.objects.update(first_asked_at=timezone.now() - timedelta(hours=25))
    # Forgotten already before the sweep comes: here it is another request's key.
    assert post(client, "patients", {**NEW_PATIENT, "mrn": "ab-2"}).status_code == 201
    KeptAnswer.objects.update(first_asked_at=timezone.now() - timedelta(hours=25))
    post(client, "patients", {**NEW_PATIENT, "mrn": "ab-3"}, key="young")
    sweep_kept_answers()
    assert KeptAnswer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_requests_at_once_make_one_record(alma, api):
    token = ApiToken.objects.create(alma.staff, name="race")[1]
    body = {"patient": str(make_patient(alma).id), "body_site": "nose"}
    begin, answers = threading.Barrier(4, timeout=20), []
    add = lesions.add

    def slowly(*args, **fields):
        time.sleep(0.3)  # the others ask while the first is still at work
        return add(*args, **fields)

    def ask():
        client = signed_in(token)
        try:
            begin.wait()
            answers.append(post(client, "lesions", body))
        finally:
            connections.close_all()

    with mock.patch("cases.record.lesions.add", slowly):
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    assert len(answers) == 4
    assert Lesion.objects.count() == 1
    made = [answer for answer in answers if answer.status_code == 201]
    assert made
    assert {answer.content for answer in made} == {made[0].content}
    assert {answer.json()["code"] for answer in answers if answer not in made} <= {"idempotency_in_progress"}
    assert same(made[0], post(signed_in(token), "lesions", body))
