"""What one opinion asks of the database, as budgets: what comes in between is noticed."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import close_old_connections, connection
from django.test.utils import CaptureQueriesContext

from cases.jobs import broker
from cases.models import LesionImage, Prediction, PredictionState
from cases.prediction import computing
from inference import registry
from inference.models import ModelState
from tests.cases.models import FakeEngine, registered_model
from tests.cast import make_case, photo

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def sent(monkeypatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr(broker.current_app, "send_task", lambda task, args, **options: messages.append(args[0]))
    monkeypatch.setattr(registry, "engine", lambda version: FakeEngine())
    return messages


def statements(asked: CaptureQueriesContext) -> list[str]:
    """Without those that only begin and end transactions."""
    return [query["sql"] for query in asked if query["sql"].split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE")]


@pytest.mark.parametrize("with_shadow", [False, True])
def test_a_photo_through_the_api_takes_twelve_statements_and_a_lock_in_one_transaction(alma, api, sent, with_shadow):
    # Token, roles, case; the photo here; the case locked, the photo elsewhere, photos alike of the patient and of
    # others; photo, audit log, models, predictions. PostgreSQL locks the photo's checksum too.
    registered_model()
    if with_shadow:
        registered_model(ModelState.SHADOW)
    client, case = api(alma.staff), make_case(alma)
    # The audit log asks for it once a process.
    ContentType.objects.get_for_model(LesionImage)
    body = {"case": str(case.id), "file": SimpleUploadedFile("a.jpg", photo(), "image/jpeg")}
    with CaptureQueriesContext(connection) as asked:
        assert client.post("/api/v1/images/", body, format="multipart").status_code == 201
    lock = connection.vendor == "postgresql"
    assert len(statements(asked)) == 12 + lock, "\n".join(statements(asked))
    assert len([query for query in asked if query["sql"].startswith("BEGIN")]) == 1
    made = Prediction.every.order_by("silent")
    assert [each.silent for each in made] == [False, True][: 1 + with_shadow]
    assert sorted(sent) == sorted(str(each.id) for each in made)


def test_a_prediction_takes_three_statements(alma, api):
    # Claimed, read, stored.
    registered_model()
    body = {"case": str(make_case(alma).id), "file": SimpleUploadedFile("a.jpg", photo(), "image/jpeg")}
    api(alma.staff).post("/api/v1/images/", body, format="multipart")
    prediction = Prediction.objects.get()
    with CaptureQueriesContext(connection) as asked:
        assert computing.run(prediction.id)
    assert len(statements(asked)) == 3, "\n".join(statements(asked))
    prediction.refresh_from_db()
    assert prediction.state == PredictionState.DONE


def test_the_connection_is_kept_between_requests():
    connection.close()  # another test may have taken the server away from it
    connection.ensure_connection()
    kept = connection.connection
    close_old_connections()
    assert connection.connection is kept
