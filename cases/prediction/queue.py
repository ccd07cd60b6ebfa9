"""Who works on which prediction, and what happens to those that nobody works on any more."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db.models import Count, F, Min, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.jobs import broker, leases
from cases.models import Case, Prediction, PredictionState

log = structlog.get_logger(__name__)

TASK = "cases.tasks.predict"
# In the order in which workers take from them.
QUEUES = ("urgent", "routine", "background")

# A queued row older than this had its message lost, or the broker was down: the sweep sends it again.
RESEND_AFTER = timedelta(seconds=30)
SWEEP_BATCH = 500
# So many more messages than rows may wait in a queue: beat's own go there too, and must not hold a patient's back.
_SPARE = 5


# What computing a prediction takes. A hundred columns less to name, read and convert are a tenth of a worker's time
# around the network; a column that is missing here is read when it is asked for.
_WANTED = (
    *("claim_token", "silent", "attempts", "state"),
    *(f"model_version__{field}" for field in ("name", "path", "sha256")),
    *(f"image__{field}" for field in ("derivative", "removed_at")),
    *(f"image__case__{field}" for field in ("created_at", *Case.QUESTIONS)),
    "image__case__lesion__body_site",
    *(f"image__case__lesion__patient__{field}" for field in ("birth_date", "ai_consent")),
    *(f"image__case__clinic__{field}" for field in ("ai_stopped_at", "answer_set_coverage")),
)


def name(is_urgent: bool, silent: bool) -> str:
    """The queue that a prediction's messages go to."""
    if silent:
        return "background"
    return "urgent" if is_urgent else "routine"


def _lease() -> timedelta:
    return timedelta(seconds=settings.PREDICTION_LEASE_SECONDS)


def _orphaned(now: datetime) -> Q:
    """Running, and the lease has run out."""
    return Q(state=PredictionState.RUNNING) & leases.ended(now, _lease())


def _overdue(now: datetime) -> Q:
    """Queued for so long that its message must have been lost."""
    return Q(state=PredictionState.QUEUED) & leases.waits_since("queued_at", now, RESEND_AFTER)


def claim(prediction_id: UUID) -> Prediction | None:
    """Takes a queued prediction, or a running one whose lease has run out. One UPDATE decides between two workers."""
    now, token = timezone.now(), uuid4()
    changed = (
        Prediction.every.filter(id=prediction_id, attempts__lt=settings.PREDICTION_MAX_ATTEMPTS)
        .filter(Q(state=PredictionState.QUEUED) | _orphaned(now))
        .update(
            state=PredictionState.RUNNING,
            claim_token=token,
            lease_until=now + _lease(),
            attempts=F("attempts") + 1,
        )
    )
    if not changed:
        return None
    # None: between both statements the row was queued again, so somebody will claim it anew.
    return (
        Prediction.every.select_related("model_version", "image__case__lesion__patient", "image__case__clinic")
        .filter(id=prediction_id, claim_token=token)
        .only(*_WANTED)
        .first()
    )


def sweep() -> int:
    """Re-sends what waits too long or lost its worker, gives up what failed too often; returns their number.

    Where a queue is long, rows wait for long whose messages are not lost at all. So no more is sent than there are rows
    without a message: workers that are behind would else be given more to look at than they can, without an end.
    """
    now = timezone.now()
    given_up = _give_up(now)
    overdue = list(
        Prediction.every.filter(_overdue(now) | _orphaned(now))
        .order_by("silent", "-is_urgent_queue", "queued_at")
        .values_list("id", "is_urgent_queue", "silent")[:SWEEP_BATCH]
    )
    rows = waiting() if overdue else {}
    missing: dict[str, int] = {}
    sent = 0
    for prediction_id, is_urgent, silent in overdue:
        queue = name(is_urgent, silent)
        if queue not in missing:
            missing[queue] = rows[queue][0] - broker.waiting(queue) + _SPARE
        if missing[queue] <= 0:
            continue
        # One refusal is enough: the next sweep tries again.
        if not broker.tell(TASK, prediction_id, queue):
            break
        missing[queue] -= 1
        sent += 1
    return given_up + sent


def _give_up(now: datetime) -> int:
    """Ends those that have taken their workers with them at every attempt."""
    given_up = Prediction.every.filter(_orphaned(now), attempts__gte=settings.PREDICTION_MAX_ATTEMPTS).update(
        state=PredictionState.FAILED,
        reason=_("The computation stopped %(times)s times without a result. Press Retry, or take the photo again.")
        % {"times": settings.PREDICTION_MAX_ATTEMPTS},
        finished_at=now,
        claim_token=None,
        lease_until=None,
    )
    if given_up:
        log.error("predictions_given_up", number=given_up)
    return given_up


def waiting() -> dict[str, tuple[int, timedelta]]:
    """For each queue how many wait, and how long the oldest has: queued, or left by a worker that was lost."""
    now = timezone.now()
    found = {queue: (0, timedelta()) for queue in QUEUES}
    grouped = (
        Prediction.every.filter(Q(state=PredictionState.QUEUED) | _orphaned(now))
        .order_by()
        .values_list("is_urgent_queue", "silent")
        .annotate(Count("id"), Min("queued_at"))
    )
    for is_urgent, silent, number, since in grouped:
        queue = name(is_urgent, silent)
        before, age = found[queue]
        found[queue] = (before + number, max(age, now - since))
    return found
