"""What faults happen on: the running product, photos that are sent to it until it has them, and what must hold after.

A client behaves as the page and a good integration do: it makes the photo's id, and sends again until the server has
answered that the photo is there.
"""

import http.client
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks import photos
from benchmarks.client import Client, form
from benchmarks.faults import told
from benchmarks.faults.servers import Server
from benchmarks.service import Service

PATIENCE_SECONDS = 150.0
WORKERS = ("worker1", "worker2")
_DONE = re.compile(r"prediction_done.*?([0-9a-f]{8}-[0-9a-f-]{27})|([0-9a-f]{8}-[0-9a-f-]{27}).*?prediction_done")


class NotPossible(Exception):
    """The fault cannot be made to happen here; the text says why."""


@dataclass
class Found:
    """What is wrong with the photos of one fault; all zero if it cost nothing."""

    photos: int
    lost: int
    twice: int
    stuck: int
    failed: int  # without the fault being meant for that photo


@dataclass
class Ground:
    """One running product under faults."""

    service: Service
    token: str
    drafts: Callable[[int], list[UUID]]
    quick: bool
    small_disk: Path | None = None
    postgres: Server | None = None
    redis: Server | None = None
    sent: dict[UUID, bytes] = field(default_factory=dict)
    may_fail: set[UUID] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)  # what clients were told, "201" and so on
    slowest: float = 0.0  # seconds until an answer
    _shots: int = 0
    _drawn: bytes = b""

    def begin(self) -> None:
        """Forgets the photos of the fault before."""
        self.sent, self.may_fail, self.answers, self.slowest = {}, set(), Counter(), 0.0
        self.tend()

    def few(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    # --- Photos ---------------------------------------------------------------------------------------------

    def send(self, number: int, *, large: bool = False) -> list[UUID]:
        """Sends photos, one after another, until each is taken; their ids."""
        sending = self.sending(number, large=large)
        wait([future for _id, future in sending])
        for _id, future in sending:
            future.result()
        return [photo for photo, _future in sending]

    def sending(
        self, number: int, *, large: bool = False, cases: list[UUID] | None = None
    ) -> list[tuple[UUID, "Future[None]"]]:
        """The same in the background, to `cases` or to new drafts."""
        from uuid6 import uuid7

        pool = ThreadPoolExecutor(2)
        begun: list[tuple[UUID, Future[None]]] = []
        for case in cases or self.drafts(number):
            photo, shot = uuid7(), self.shot(large=large)
            self.sent[photo] = shot
            begun.append((photo, pool.submit(self._send_until_taken, photo, case, shot)))
        pool.shutdown(wait=False)
        return begun

    def shot(self, *, large: bool = False) -> bytes:
        """A photo that was never sent; a large one is spooled to disk while it arrives."""
        self._drawn = self._drawn or photos.drawn(*photos.SMALL)
        self._shots += 1
        return photos.unlike(self._drawn, self._shots) + b"\0" * (3_000_000 if large else 0)

    def _send_until_taken(self, photo: UUID, case: UUID, shot: bytes) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            began = time.monotonic()
            answer = self.try_to_send(photo, case, shot)
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.answers[answer] += 1
            if answer == "201":
                return
            if time.monotonic() > until:
                raise RuntimeError(f"A photo was not taken within {PATIENCE_SECONDS:g} s: {dict(self.answers)}")
            time.sleep(0.5)

    def try_to_send(self, photo: UUID, case: UUID, shot: bytes) -> str:
        """Sends once; the status, or how the connection broke."""
        try:
            with Client(self.service.url, self.token) as client:
                client.post("/api/v1/images/", form(shot, case=str(case), id=str(photo)), wanted=201)
        except RuntimeError as refused:
            return re.findall(r"answered (\d+)", str(refused))[0]
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        return "201"

    def predictions(self) -> Any:
        """Of the fault's photos."""
        from cases.models import Prediction

        return Prediction.every.filter(image__in=list(self.sent))

    # --- Workers --------------------------------------------------------------------------------------------

    def pid(self, name: str) -> int:
        process = self.service.parts[name].process
        assert process
        return process.pid

    def worker_of(self, pid: int) -> str | None:
        """The worker with this process id."""
        return next((name for name in self.workers() if self.pid(name) == pid), None)

    def workers(self) -> list[str]:
        return [name for name in self.service.parts if name.startswith("worker")]

    def halt(self) -> None:
        """Halts all workers between two predictions, so that none holds a lock of the database meanwhile."""
        from django.db import transaction

        from cases.models import Prediction

        with transaction.atomic():
            # Locks every row that a worker could claim; on SQLite, the database.
            Prediction.every.filter(state__in=("queued", "running")).update(urgent=False)
            self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for name in self.workers():
            with suppress(ProcessLookupError):
                os.kill(self.pid(name), number)

    def tend(self, names: tuple[str, ...] = WORKERS) -> int:
        """Starts again what has ended, as the supervisor does; returns how many that were."""
        ended = [name for name, part in self.service.parts.items() if part.has_ended()]
        for name in ended:
            self.service.forget(name)
        missing = [name for name in names if name not in self.service.parts]
        self.service.start_workers(*missing)
        return len(missing)

    # --- The queue ------------------------------------------------------------------------------------------

    def broker(self) -> Any:
        import redis

        return redis.Redis.from_url(self.service.environment["REDIS_URL"])

    def messages(self) -> int:
        with self.broker() as server:
            return sum(server.llen(name) for name in ("urgent", "routine", "background"))

    def until(self, condition: Callable[[], object], what: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f"{what}: not within {PATIENCE_SECONDS:g} s")
            time.sleep(0.1)

    # --- What must hold -------------------------------------------------------------------------------------

    def settle(self) -> Found:
        """Mends what is still broken, waits until nothing is pending and the queues are empty, then judges."""
        from cases.models.prediction import PENDING_STATES

        told.set_clock(0)
        told.let_go()
        self.go_on()
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            self.tend()
            if not self.predictions().filter(state__in=PENDING_STATES).exists() and not self.messages():
                break
            time.sleep(0.2)
        return self._judged(drained=not self.messages())

    def _judged(self, *, drained: bool) -> Found:
        from cases.models import LesionImage, PredictionState
        from cases.models.prediction import REFUSED_STATES

        images = {image.id: image for image in LesionImage.objects.filter(id__in=list(self.sent))}
        rows = list(self.predictions())
        states: dict[UUID, list[Any]] = {}
        for row in rows:
            states.setdefault(row.image_id, []).append(row)
        stored_often = {UUID(id) for id, times in self._stored().items() if times > 1}
        lost = sum(photo not in images or not states.get(photo) or not _whole(images[photo], data)
                   for photo, data in self.sent.items())  # fmt: skip
        stuck = [row for row in rows if row.is_pending or (row.state in REFUSED_STATES and not row.reason)]
        pairs = Counter((row.image_id, row.model_version_id) for row in rows)
        cases = Counter(image.case_id for image in images.values())
        failed = [row for row in rows if row.state in REFUSED_STATES and row.image_id not in self.may_fail]
        unharmed = [row for row in rows if row.state == PredictionState.DONE and row.image_id in self.may_fail]
        return Found(
            photos=len(self.sent),
            lost=lost,
            twice=sum(times > 1 for times in [*pairs.values(), *cases.values()])
            + sum(row.id in stored_often for row in rows),
            stuck=len(stuck) + (not drained),
            failed=len(failed) + len(unharmed),
        )

    def _stored(self) -> Counter[str]:
        """How often a result was stored, by prediction, as the workers' logs tell."""
        found: Counter[str] = Counter()
        for log in (self.service.var / "log").glob("worker*.log"):
            for line in log.read_text(errors="replace").splitlines():
                if match := _DONE.search(line):
                    found[match[1] or match[2]] += 1
        return found


def _whole(image: Any, sent: bytes) -> bool:
    """Its three files are there, and the original is the photo that was sent."""
    from cases.pixels.jpeg import without_metadata

    try:
        with image.original.open("rb") as file:
            if file.read() != without_metadata(sent)[0]:
                return False
        return all(each.size for each in (image.derivative, image.thumbnail))
    except OSError:
        return False
