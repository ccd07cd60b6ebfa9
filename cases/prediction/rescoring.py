"""Signed cases scored again by another model: in the background, without a trace in what readers see.

Photos are taken in the order of their ids, one after the other; between two of them the worker looks whether a
patient waits, and if so leaves the rest for later. So nobody waits longer than one photo takes. The row keeps how far
it has come: a worker that dies, or a cancellation and a new start, costs one photo.
"""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Clinic
from cases.jobs import broker, leases
from cases.models import CaseState, Consent, LesionImage, Prediction, PredictionState
from cases.models.rescoring import Rescoring, RescoringState
from cases.prediction import asking, computing
from inference import registry
from inference.bundle import BundleError
from inference.models import ModelVersion

log = structlog.get_logger(__name__)

TASK = "cases.tasks.rescore"
QUEUE = "background"
# One message works for so long; beat sends the next one.
STRETCH_SECONDS = 10.0
_LEASE = timedelta(seconds=60)  # a photo takes a second at most


def eligible(clinic: Clinic) -> QuerySet[LesionImage]:
    """The photos of signed cases whose patients allow the AI to look at them."""
    return LesionImage.objects.filter(
        case__clinic=clinic,
        case__state=CaseState.SIGNED,
        case__lesion__patient__ai_consent=Consent.GRANTED,
        removed_at__isnull=True,
    )


def unscored(clinic: Clinic, version: ModelVersion | UUID) -> QuerySet[LesionImage]:
    scored = Prediction.every.filter(image=OuterRef("pk"), model_version=version, state=PredictionState.DONE)
    return eligible(clinic).filter(~Exists(scored))


@transaction.atomic
def start(clinic: Clinic, version: ModelVersion, *, by: str) -> Rescoring:
    """Has the clinic's signed cases scored by `version`; what it has scored before is not scored again."""
    job, created = Rescoring.objects.get_or_create(
        clinic=clinic,
        model_version=version,
        state=RescoringState.RUNNING,
        defaults={"by": by, "total": unscored(clinic, version).count()},
    )
    if created:
        broker.tell_on_commit(TASK, job.id, QUEUE)
    return job


def cancel(job: Rescoring) -> bool:
    """Ends it after the photo that is scored just now; what was scored stays. False if it has ended by itself."""
    return _end(Rescoring.objects.filter(id=job.id), RescoringState.CANCELLED)


def work(job_id: UUID, seconds: float = STRETCH_SECONDS) -> int:
    """Scores photos until the time is over, a patient waits, or all is done; returns how many it looked at."""
    job = _claim(job_id)
    if job is None:
        return 0
    mine = Rescoring.objects.filter(id=job.id, claim_token=job.claim_token)
    try:
        registry.engine(job.model_version)
    except BundleError as error:
        # The error names folders of this machine, which are for the log.
        log.error("model_not_loaded", rescoring=str(job.id), error=str(error))
        reason = _("The model cannot be loaded. Start it again; if it fails again, tell your administrator.")
        _end(mine, RescoringState.FAILED, reason=reason)
        return 0
    until, looked_at = time.monotonic() + seconds, 0
    while time.monotonic() < until and not a_patient_waits():
        image = _next(job)
        if image is None:
            _end(mine, RescoringState.DONE)
            registry.let_go()
            return looked_at
        scored = _score(image, job.model_version)
        job.cursor, looked_at = image.id, looked_at + 1
        if not mine.update(
            cursor=image.id,
            done=F("done") + 1,
            refused=F("refused") + int(not scored),
            lease_until=timezone.now() + _LEASE,
        ):
            registry.let_go()
            return looked_at  # cancelled
    mine.update(claim_token=None, lease_until=None)
    return looked_at


def sweep() -> int:
    """Sends every job on that nobody works on; returns their number."""
    free = Rescoring.objects.filter(state=RescoringState.RUNNING).filter(_free())
    return sum(broker.tell(TASK, job_id, QUEUE) for job_id in free.values_list("id", flat=True))


def a_patient_waits() -> bool:
    """Whether a prediction that somebody looks for is queued."""
    return Prediction.objects.filter(state=PredictionState.QUEUED).exists()


def _claim(job_id: UUID) -> Rescoring | None:
    token = uuid4()
    changed = (
        Rescoring.objects.filter(id=job_id, state=RescoringState.RUNNING)
        .filter(_free())
        .update(claim_token=token, lease_until=timezone.now() + _LEASE)
    )
    if not changed:
        return None
    return Rescoring.objects.select_related("model_version", "clinic").filter(id=job_id, claim_token=token).first()


def _free() -> Q:
    return Q(lease_until__isnull=True) | leases.ended(timezone.now(), _LEASE)


def _next(job: Rescoring) -> LesionImage | None:
    photos = unscored(job.clinic, job.model_version).order_by("id")
    return photos.filter(id__gt=job.cursor).first() if job.cursor else photos.first()


def _score(image: LesionImage, version: ModelVersion) -> bool:
    """One silent prediction, here and now; False where it has no result, and the row says why."""
    try:
        prediction = asking.request_silently(image, version)
        computing.run(prediction.id)
    except Exception:
        # One photo that breaks the engine must not end the job; its row says `failed`, the log says why.
        log.exception("rescoring_failed", image=str(image.id))
        return False
    return Prediction.every.filter(id=prediction.id, state=PredictionState.DONE).exists()


def _end(jobs: QuerySet[Rescoring], state: RescoringState, **fields: Any) -> bool:
    return bool(
        jobs.filter(state=RescoringState.RUNNING).update(
            state=state, finished_at=timezone.now(), claim_token=None, lease_until=None, **fields
        )
    )
