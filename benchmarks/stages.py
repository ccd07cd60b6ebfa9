"""Where the processor time of one opinion goes: each process as a whole, and the work within it stage by stage.

The whole: what the system has charged to the web processes, the worker and the broker while one client sent photos
and waited for each result. The stages: the same requests and the same tasks carried out in this process under a
stopwatch that looks at its own stack (benchmarks/stopwatch.py); what gunicorn and Celery add around them is the
difference. Processor time says little about waiting, and changes less than elapsed time when the machine is busy.
"""

import io
import os
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks import photos
from benchmarks.client import BOUNDARY, Client, form
from benchmarks.options import Options
from benchmarks.service import Service, running
from benchmarks.stopwatch import Stopwatch

# (name, photo)
SIZES = (("76 KB", photos.SMALL), ("12 megapixels", photos.LARGE))
WEB = (
    ("photo: metadata dropped", ("cases/pixels/jpeg.py", "cases/pixels/chunked.py")),
    ("photo: decoded", ("cases/pixels/decoding.py:decoded",)),
    ("photo: scaled, turned, colours", ("cases/pixels/picture.py:_upright", "cases/pixels/decoding.py:shrunk")),
    ("photo: quality score", ("cases/pixels/quality.py", "cases/pixels/remarks.py")),
    ("photo: perceptual hash", ("cases/pixels/likeness.py",)),
    ("photo: two JPEGs encoded", ("cases/pixels/decoding.py:as_jpeg",)),
    ("files written and flushed", ("cases/photo/storage.py", "django/core/files/storage/")),
    ("form parsed", ("django/http/multipartparser.py", "django/core/files/uploadhandler.py", "cases/photo/uploads.py")),
    ("message sent", ("cases/jobs/broker.py",)),
    ("audit log", ("auditlog/receivers.py", "auditlog/models.py")),
    ("token", ("knox/", "accounts/authentication.py")),
    ("requests counted", ("accounts/throttling.py",)),
    ("answer written", ("cases/api/views.py:answer",)),
    ("database", ("django/db/",)),
    ("digest, rest of intake", ("cases/photo/intake.py",)),
)
WORKER = (
    ("network", ("onnxruntime/",)),
    ("upright copy read and decoded", ("cases/prediction/computing.py:_picture",)),
    ("scaled to the network's size", ("inference/preprocessing.py",)),
    ("thresholds, answer set, novelty", ("inference/",)),
    ("claim", ("cases/prediction/queue.py",)),
    ("result stored", ("cases/prediction/computing.py:_store",)),
)
WEB_REST, WORKER_REST = "Django and REST framework around it", "the rest"
_TICKS = os.sysconf("SC_CLK_TCK")


def run(options: Options) -> dict[str, Any]:
    with running() as service:
        service.connect()
        return measure(service, options)


def measure(service: Service, options: Options) -> dict[str, Any]:
    # Django's models can be imported once the process is connected.
    from benchmarks.clinic import drafts, open_desk

    number = 4 if options.quick else 40
    desk = open_desk("Stages")
    token = desk.token()
    figures: list[dict[str, Any]] = []
    for name, size in SIZES:
        drawn = photos.drawn(*size)
        work = [(case, drawn) for case in drafts(desk, 3 * number)]
        options.say(f"{name}: whole processes")
        _whole(service, token, work[:number])
        whole = _whole(service, token, work[number : 2 * number])
        options.say(f"{name}: stages")
        for part, stages in _stages(token, work[2 * number :]).items():
            figures.append(_figure(f"{name}: {part} process, all of it", whole[part], number))
            within = sum(stages.values())
            around = {"gunicorn" if part == "web" else "Celery": max(0.0, whole[part] - within)}
            for stage, seconds in (stages | around).items():
                figures.append(_figure(f"{name}: {part}: {stage}", seconds, number))
        if "broker" in whole:
            figures.append(_figure(f"{name}: broker", whole["broker"], number))
    return {"figures": figures, "verdicts": []}


def _figure(what: str, seconds: float, number: int) -> dict[str, Any]:
    value = round(1000 * seconds / number, 2)
    return {"what": what, "value": value, "low": None, "high": None, "n": number, "unit": "ms of processor time"}


def _whole(service: Service, token: str, work: list[tuple[UUID, bytes]]) -> dict[str, float]:
    """Seconds of processor time of each part while all of `work` went through it."""
    from benchmarks.results import stored

    before = _charged(service)
    with Client(service.url, token) as client:
        for case, shot in work:
            client.post_photo(case, photos.unlike(shot, case.int % 10**9))
            stored([case], look_again=0.05)
    after = _charged(service)
    return {part: after[part] - before[part] for part in after}


def _charged(service: Service) -> dict[str, float]:
    parts = {"web": "web", "worker": "worker1", "broker": "valkey"}
    # A broker of somebody else's is not charged.
    return {part: sum(map(_seconds, service.pids(name))) for part, name in parts.items() if name in service.parts}


def _seconds(pid: int) -> float:
    """Processor time that the system has charged to a process (proc(5), /proc/PID/stat: utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _stages(token: str, work: list[tuple[UUID, bytes]]) -> dict[str, dict[str, float]]:
    """Seconds by stage of the requests and of the tasks, in this process."""
    from unittest import mock

    from cases import tasks
    from cases.jobs import broker
    from skinclinic.wsgi import application

    web, worker = Stopwatch(WEB, WEB_REST), Stopwatch(WORKER, WORKER_REST)
    told: list[str] = []
    send = broker.current_app.send_task

    def kept(task: str, args: list[str], **options: Any) -> None:
        # Sent, as it is in the service, to a queue that nobody takes from.
        told.append(args[0])
        send(task, args=args, **options | {"queue": "measured"})

    with mock.patch.object(broker.current_app, "send_task", kept):
        for place, (case, shot) in enumerate(work):
            environ = _request(token, form(photos.unlike(shot, case.int % 10**9), case=str(case)))
            if place < 2:
                # The first ones load what is loaded once.
                _answer(application, environ)
                tasks.predict(told.pop())
                continue
            with web.running():
                _answer(application, environ)
            with worker.running():
                tasks.predict(told.pop())
    scale = len(work) / (len(work) - 2)
    return {
        part: {name: scale * seconds for name, seconds in sorted(watch.seconds.items(), key=lambda each: -each[1])}
        for part, watch in (("web", web), ("worker", worker))
    }


def _request(token: str, body: bytes) -> dict[str, Any]:
    from wsgiref.util import setup_testing_defaults

    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v1/images/",
        "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Token {token}",
        "HTTP_HOST": "localhost",
        "wsgi.input": io.BytesIO(body),
    }
    setup_testing_defaults(environ)
    return environ


def _answer(application: Any, environ: dict[str, Any]) -> None:
    said: list[str] = []
    answer = application(environ, lambda status, _headers, _error=None: said.append(status))
    content = b"".join(answer)
    answer.close()
    if not said[0].startswith("201"):
        raise RuntimeError(f"The API answered {said[0]}: {content[:500]!r}")
