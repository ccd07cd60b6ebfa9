"""A queue of photos that lie in storage already, to be filled again and again."""

from collections.abc import Callable
from io import BytesIO

from django.db import transaction
from django.utils import timezone

from benchmarks import photos
from benchmarks.clinic import Desk, drafts
from benchmarks.results import stored
from cases.jobs import broker
from cases.models import Case, LesionImage, Prediction, PredictionState
from cases.photo import intake
from cases.prediction import queue
from inference import registry

FILES, UPLOADS = 4, 24


class QueueOfPhotos:
    """`number` photos of as many cases, `urgent` of them in the urgent queue."""

    def __init__(self, desk: Desk, number: int, urgent: int) -> None:
        cases = drafts(desk, number + FILES + UPLOADS)
        self.cases_for_uploads, sources, cases = (
            cases[:UPLOADS],
            cases[UPLOADS : UPLOADS + FILES],
            cases[UPLOADS + FILES :],
        )
        kept = [
            intake.accept(Case.objects.get(id=case), BytesIO(data), name="photo.jpg", by=desk.staff)
            for case, data in zip(sources, photos.several(photos.SMALL, FILES), strict=True)
        ]
        fields = [field.attname for field in LesionImage._meta.concrete_fields if field.name not in ("id", "case")]
        # Rows of their own, files shared: a worker only reads them.
        images = [
            LesionImage(case_id=case, **{name: getattr(kept[place % FILES], name) for name in fields})
            for place, case in enumerate(cases)
        ]
        LesionImage.objects.bulk_create(images, batch_size=500)
        version = registry.active()
        rows = [
            Prediction(image=image, model_version=version, is_urgent_queue=place < urgent)
            for place, image in enumerate(images)
        ]
        Prediction.objects.bulk_create(rows, batch_size=500)
        stored([*sources])
        self._urgent = [row.id for row in rows[:urgent]]
        self._routine = [row.id for row in rows[urgent:]]
        self._cases = (cases[:urgent], cases[urgent:])

    def fill(self, *, halt: Callable[[], None]) -> None:
        """Queues all of them, the routine ones first.

        Args:
            halt: halts the workers. It is called while their rows (on SQLite: the whole database) are locked here,
                so that no worker is halted with a lock in its hands that this would then wait for.
        """
        everything = Prediction.every.filter(id__in=[*self._urgent, *self._routine])
        with transaction.atomic():
            everything.update(
                state=PredictionState.QUEUED, attempts=0, claim_token=None, lease_until=None, queued_at=timezone.now()
            )
            halt()
        for name, ids in (("routine", self._routine), ("urgent", self._urgent)):
            for prediction in ids:
                broker.tell(queue.TASK, prediction, name)

    def finished(self) -> tuple[list[float], list[float]]:
        """When the urgent and when the routine ones were done; waits for the last."""
        urgent, routine = (stored(cases, look_again=0.5) for cases in self._cases)
        return urgent, routine
