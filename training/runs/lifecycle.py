"""Training runs asked for on the pages, from request to candidate. The row is the queue, as it is for predictions.

Claimed by one UPDATE, leased by the worker that has it (training/runs/trainer.py), taken up again by the sweep where a
worker was lost; what was learnt by then is kept on disk (training/network/checkpoints.py). One at a time, by a
constraint.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Clinic, User
from cases.jobs import leases
from cases.models import NotificationKind
from cases.notifications import telling
from inference.bundle import NAME
from inference.models import ModelVersion
from training import queue
from training.models import PENDING, RunState, TrainingRun
from training.recipe import NETWORKS

TASK = "training.tasks.train"
LEASE = timedelta(seconds=30)  # renewed every second
RESEND_AFTER = timedelta(minutes=1)
MAX_ATTEMPTS = 3
QUEUED, RUNNING, CANCELLING = RunState.QUEUED, RunState.RUNNING, RunState.CANCELLING
DONE, FAILED, CANCELLED = RunState.DONE, RunState.FAILED, RunState.CANCELLED


class RunRefused(Exception):
    """The run cannot be started; the text says why, for people."""


@transaction.atomic
def request(
    run_id: UUID,
    *,
    by: User | str,
    clinic: Clinic | None,
    uses_folder: bool,
    name: str,
    network: str = NETWORKS[0],
    quick: bool = False,
    epochs: int | None = None,
    includes_unconfirmed: bool = False,
) -> TrainingRun:
    """Queues a training run; the same id again is the same run, so a double click trains once.

    Args:
        by: who asks and is told when it is done, or the name of a program.
        clinic: whose signed cases to learn from; None for none.
        uses_folder: learn from TRAINING_DATA_DIR.

    Raises:
        RunRefused: nothing to learn from was chosen, the name is unusable or taken, the network is unknown.
    """
    if known := TrainingRun.objects.filter(id=run_id).first():
        return known
    if clinic is None and not uses_folder:
        raise RunRefused(_("Choose what to learn from."))
    if uses_folder and not settings.TRAINING_DATA_DIR:
        raise RunRefused(_("The operator has set up no folder to learn from (TRAINING_DATA_DIR)."))
    if network not in NETWORKS:
        raise RunRefused(_("Choose one of the networks."))
    if not NAME.fullmatch(name):
        raise RunRefused(_("A name is made of lower-case letters, digits, dashes and underscores."))
    if ModelVersion.objects.filter(name=name).exists():
        raise RunRefused(_("Another model has this name. Choose a new one."))
    wanted = TrainingRun(
        id=run_id,
        by=str(by),
        asked_by=by if isinstance(by, User) else None,
        clinic=clinic,
        uses_folder=uses_folder,
        name=name,
        network=network,
        # The small network has no frozen part whose head could be trained alone.
        quick=quick and network != "student",
        epochs=epochs,
        includes_unconfirmed=includes_unconfirmed,
    )
    try:
        with transaction.atomic():
            wanted.save(force_insert=True)
    except IntegrityError:
        known = TrainingRun.objects.filter(id=run_id).first()
        if known is None:
            raise RunRefused(_("Another model has this name. Choose a new one.")) from None
        return known
    queue.tell_on_commit(TASK, wanted.id)
    return wanted


def cancel(run: TrainingRun) -> bool:
    """Ends a run that waits, asks the worker to end one that is at work; False if it has ended by itself."""
    mine = TrainingRun.objects.filter(id=run.id)
    waiting = mine.filter(state=QUEUED).update(state=CANCELLED, finished_at=timezone.now())
    return bool(waiting or mine.filter(state=RUNNING).update(state=CANCELLING))


@transaction.atomic
def again(run: TrainingRun) -> bool:
    """Queues a failed or cancelled run once more, to go on where it was; False if it is in another state by now."""
    fresh = {"attempts": 0, "reason": "", "finished_at": None, "said": [], "stage": "", "percent": 0}
    ended = TrainingRun.objects.filter(id=run.id, state__in=[FAILED, CANCELLED])
    changed = ended.update(state=QUEUED, at=timezone.now(), **fresh)
    if changed:
        queue.tell_on_commit(TASK, run.id)
    return bool(changed)


# --- The worker's side -------------------------------------------------------------------------------------------


def claim(run_id: UUID) -> TrainingRun | None:
    """Takes a queued run, or one whose lease has run out; None if another has it, or another run is at work."""
    now, token = timezone.now(), uuid4()
    lost = Q(state=RUNNING) & leases.ended(now, LEASE)
    try:
        with transaction.atomic():
            changed = (
                TrainingRun.objects.filter(id=run_id, attempts__lt=MAX_ATTEMPTS)
                .filter(Q(state=QUEUED) | lost)
                .update(
                    state=RUNNING,
                    claim_token=token,
                    lease_until=now + LEASE,
                    attempts=F("attempts") + 1,
                    stage="",
                    ends_at=None,
                )
            )
    except IntegrityError:
        return None
    if not changed:
        return None
    TrainingRun.objects.filter(id=run_id, started_at__isnull=True).update(started_at=now)
    return TrainingRun.objects.filter(id=run_id, claim_token=token).first()


def renew(run: TrainingRun) -> RunState | None:
    """Keeps the lease and returns the state; None where the claim is lost."""
    if not _held(run).update(lease_until=timezone.now() + LEASE):
        return None
    return RunState(TrainingRun.objects.values_list("state", flat=True).get(id=run.id))


def note(run: TrainingRun, **progress: Any) -> bool:
    """Writes progress into the row; False where the claim is lost or the run is to stop."""
    return bool(_held(run).filter(state=RUNNING).update(**progress))


@transaction.atomic
def finish(run: TrainingRun, state: RunState, **fields: Any) -> bool:
    """Ends the run, if the claim still stands; a cancellation that came too late is forgotten."""
    ended = _held(run).update(
        state=state, finished_at=timezone.now(), claim_token=None, lease_until=None, ends_at=None, **fields
    )
    if ended:
        _tell_next()
        if state == DONE and run.asked_by:
            telling.notify(NotificationKind.TRAINING_DONE, model_version=fields["model_version"], people=[run.asked_by])
    return bool(ended)


def hand_back(run: TrainingRun, *, counts: bool) -> bool:
    """Puts the run back into the queue: its worker is told to stop, or lost it; `counts`: as one attempt of three."""
    if counts and run.attempts >= MAX_ATTEMPTS:
        return finish(run, FAILED, reason=_gave_up())
    attempts = F("attempts") if counts else F("attempts") - 1
    running = _held(run).filter(state=RUNNING)
    if not running.update(state=QUEUED, claim_token=None, lease_until=None, ends_at=None, attempts=attempts):
        return finish(run, CANCELLED)
    if counts:
        queue.tell(TASK, run.id)
    return True


def sweep() -> int:
    """Sends again what waits too long or lost its worker, ends what failed too often; returns their number."""
    now = timezone.now()
    is_lost = leases.ended(now, LEASE)
    lost = TrainingRun.objects.filter(is_lost)
    ended = {"finished_at": now, "claim_token": None, "lease_until": None, "ends_at": None}
    stopped = lost.filter(state=CANCELLING).update(state=CANCELLED, **ended)
    stopped += lost.filter(state=RUNNING, attempts__gte=MAX_ATTEMPTS).update(state=FAILED, reason=_gave_up(), **ended)
    waiting = TrainingRun.objects.filter(
        Q(state=RUNNING) & is_lost | Q(state=QUEUED) & leases.waits_since("at", now, RESEND_AFTER)
    ).order_by("at", "id")
    return stopped + sum(queue.tell(TASK, run_id) for run_id in waiting.values_list("id", flat=True)[:1])


def pending() -> int:
    """How many wait or are at work."""
    return TrainingRun.objects.filter(state__in=PENDING).count()


def ahead_of(run: TrainingRun) -> int:
    """How many runs come before a queued one."""
    earlier = Q(state=QUEUED) & (Q(at__lt=run.at) | Q(at=run.at, id__lt=run.id))
    return TrainingRun.objects.filter(earlier | Q(state__in=[RUNNING, CANCELLING])).exclude(id=run.id).count()


def _tell_next() -> None:
    following = TrainingRun.objects.filter(state=QUEUED).order_by("at", "id").values_list("id", flat=True).first()
    if following:
        queue.tell_on_commit(TASK, following)


def _held(run: TrainingRun) -> Any:
    return TrainingRun.objects.filter(id=run.id, claim_token=run.claim_token, state__in=[RUNNING, CANCELLING])


def _gave_up() -> str:
    return _(
        "The training was ended from outside three times, perhaps for want of memory. Free some, and try again: it "
        "goes on where it was."
    )
