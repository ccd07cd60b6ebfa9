"""/metrics: who is let in, what the figures say, and that several processes add up."""

import os
import subprocess
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from cases.models import Prediction
from tests.cases.models import registered_model
from tests.cast import make_case, make_image, photo
from tests.ops.running import ROOT, Running, free_port, wait_for

TOKEN = "of-this-test"


def figures(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """(name, values of the labels in their order) -> figure; the text must be what Prometheus reads."""
    return {
        (sample.name, tuple(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def scrape(client, settings):
    settings.METRICS_TOKEN = TOKEN

    def _scrape() -> dict[tuple[str, tuple[str, ...]], float]:
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/plain")
        return figures(answer.content.decode())

    return _scrape


@pytest.mark.django_db
def test_only_the_token_opens_it(client, settings):
    for token, sent in (("", ""), ("", "Bearer "), (TOKEN, ""), (TOKEN, TOKEN), (TOKEN, "Bearer other")):
        settings.METRICS_TOKEN = token
        assert client.get("/metrics", headers={"Authorization": sent}).status_code == 404


@pytest.mark.django_db
def test_queues_outcomes_and_durations(scrape, alma):
    version, now = registered_model(), timezone.now()
    result = {"state": "done", "probabilities": [["NEV", 1.0]], "finished_at": now}

    def add(**fields: object) -> None:
        Prediction.every.create(image=make_image(make_case(alma)), model_version=version, **fields)

    add(queued_at=now - timedelta(seconds=40), is_urgent_queue=True)
    add(queued_at=now - timedelta(seconds=90), is_urgent_queue=True)
    add(queued_at=now - timedelta(seconds=7), silent=True)
    add(queued_at=now - timedelta(seconds=3), duration_ms=1000, **result)
    add(queued_at=now - timedelta(seconds=30), duration_ms=2000, **result)
    add(queued_at=now - timedelta(hours=2), duration_ms=9, **{**result, "finished_at": now - timedelta(hours=1)})
    add(state="failed", reason="It broke off.", finished_at=now)

    told = scrape()
    assert told["skinclinic_queue_predictions", ("urgent",)] == 2
    assert told["skinclinic_queue_oldest_seconds", ("urgent",)] == pytest.approx(90, abs=30)
    assert told["skinclinic_queue_oldest_seconds", ("routine",)] == 0
    assert told["skinclinic_queue_predictions", ("background",)] == 1
    assert told["skinclinic_predictions_5m", ("done", "routine")] == 2
    assert told["skinclinic_predictions_5m", ("failed", "routine")] == 1
    assert told["skinclinic_predictions_5m", ("rejected", "urgent")] == 0
    assert told["skinclinic_prediction_seconds", ("total", "1.0")] == pytest.approx(30)
    assert told["skinclinic_prediction_seconds", ("wait", "1.0")] == pytest.approx(28)
    assert told["skinclinic_prediction_seconds", ("compute", "0.5")] == 2
    assert told["skinclinic_ready", ("database",)] == 1
    assert told["skinclinic_ready", ("worker",)] == 0
    assert told["skinclinic_disk_free_bytes", ()] > 0


@pytest.mark.django_db
def test_intake_and_refusals(scrape, alma, sign_in):
    from django.core.files.uploadedfile import SimpleUploadedFile

    case = make_case(alma)
    before = scrape()

    def send(data: bytes) -> None:
        sign_in(alma.staff).post(reverse("photo_upload", args=[case.id]), {"file": SimpleUploadedFile("x.jpg", data)})

    send(photo())
    send(b"no picture")
    send(b"%PDF")
    told = scrape()

    def more(name: str, *labels: str) -> float:
        return told[name, labels] - before.get((name, labels), 0)

    assert more("skinclinic_intake_seconds_count") == 1
    assert more("skinclinic_photos_refused_total", "not_a_picture") == 1
    assert more("skinclinic_photos_refused_total", "unsupported_type") == 1


@pytest.mark.one_pair  # neither database nor broker is asked
def test_several_processes_add_up(tmp_path: Path) -> None:
    """gunicorn with two processes: all requests are counted, whichever of them answers the scrape."""
    port = free_port()
    environment = {
        "NO_BOOTSTRAP": "1",
        "VAR_DIR": str(tmp_path / "var"),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
        "REDIS_URL": "",
        "METRICS_TOKEN": TOKEN,
        "TMPDIR": str(tmp_path),
        "WEB_PROCESSES": "2",
        "WEB_THREADS": "1",
    }
    manage = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(manage, cwd=ROOT, env=os.environ | environment, check=True)
    gunicorn = Path(sys.executable).parent / "gunicorn"
    web = Running([str(gunicorn), "skinclinic.wsgi", "--bind", f"127.0.0.1:{port}"], **environment)

    def get(path: str, **headers: str) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": "localhost", **headers})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def answers() -> bool:
        try:
            return get("/healthz") == "ok"
        except OSError:
            return False

    key = ("django_http_requests_total_by_view_transport_method_total", ("GET", "http", "healthz"))

    def counted() -> float:
        told = figures(get("/metrics", Authorization=f"Bearer {TOKEN}"))
        assert len([name for name, _labels in told if name == "skinclinic_ready"]) == 6
        return next(value for (name, labels), value in told.items() if name == key[0] and "healthz" in labels)

    try:
        wait_for(answers, 120, "web answers")
        first = counted()
        for _ in range(40):
            get("/healthz")
        # Of forty requests each of both processes gets some, and either tells of all.
        assert {counted() for _ in range(10)} == {first + 40}
        files = list(tmp_path.glob("skinclinic-metrics-*/counter_*.db"))
        assert len(files) >= 3  # both processes', and that of the one that started them
    finally:
        os.kill(web.pid, 15)
        assert web.ends(20) == 0, web.output
    assert not list(tmp_path.glob("skinclinic-metrics-*"))
