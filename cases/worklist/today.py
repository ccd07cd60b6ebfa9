"""Today's figures for those who run a clinic: what waits, what failed, and whether the workers are there."""

from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache
from django.db.models import Count, Min, QuerySet
from django.utils import timezone

from accounts.models import User
from accounts.roles import Capability
from cases import access
from cases.jobs import heartbeat
from cases.models import Case, CaseState, Prediction, PredictionState, Urgency
from inference.models import ModelState, ModelVersion


@dataclass(frozen=True)
class Tier:
    urgency: Urgency
    waiting: int
    oldest: datetime | None


@dataclass(frozen=True)
class Today:
    tiers: list[Tier]
    queued: int
    running: int
    failed: int
    queued_since: datetime | None  # since when the oldest queued one waits
    heartbeat: datetime | None
    model: ModelVersion | None
    now: datetime

    @property
    def waiting(self) -> int:
        return sum(tier.waiting for tier in self.tiers)

    @property
    def oldest(self) -> datetime | None:
        return min((tier.oldest for tier in self.tiers if tier.oldest), default=None)

    @property
    def worker_is_silent(self) -> bool:
        """No sign of a worker for over a minute; beat asks for one every ten seconds."""
        return self.heartbeat is None or (self.now - self.heartbeat).total_seconds() > 60


def figures(person: User) -> Today:
    """Over the clinics that `person` runs; over all of them for the platform's operator. Four queries at most."""
    cases: QuerySet[Case]
    predictions: QuerySet[Prediction]
    if person.is_superuser:
        cases, predictions = Case.objects.all(), Prediction.objects.filter(image__removed_at__isnull=True)
    else:
        cases = access.cases(person, Capability.OPEN_ADMIN)
        predictions = access.counted_predictions(person, Capability.OPEN_ADMIN)
    unfinished = _unfinished(predictions)
    return Today(
        tiers=_tiers(cases),
        queued=unfinished[PredictionState.QUEUED][0],
        running=unfinished[PredictionState.RUNNING][0],
        failed=unfinished[PredictionState.FAILED][0],
        queued_since=unfinished[PredictionState.QUEUED][1],
        heartbeat=_heartbeat(),
        model=ModelVersion.objects.filter(state=ModelState.ACTIVE).first(),
        now=timezone.now(),
    )


def _tiers(cases: QuerySet[Case]) -> list[Tier]:
    rows = (
        cases.filter(state=CaseState.WAITING)
        .order_by()
        .values("urgency")
        .annotate(number=Count("id"), oldest=Min("waiting_since"))
    )
    found = {row["urgency"]: row for row in rows}
    return [
        Tier(tier, found[tier]["number"], found[tier]["oldest"]) if tier in found else Tier(tier, 0, None)
        for tier in Urgency
    ]


def _unfinished(predictions: QuerySet[Prediction]) -> dict[PredictionState, tuple[int, datetime | None]]:
    """How many there are in each state, and since when the oldest is queued."""
    states = (PredictionState.QUEUED, PredictionState.RUNNING, PredictionState.FAILED)
    rows = (
        predictions.filter(state__in=states)
        .order_by()
        .values_list("state")
        .annotate(number=Count("id"), oldest=Min("queued_at"))
    )
    found = {state: (number, oldest) for state, number, oldest in rows}
    return {state: found.get(state, (0, None)) for state in states}


def _heartbeat() -> datetime | None:
    try:
        return cache.get(heartbeat.KEY)
    except Exception:
        # The cache is the broker's server: its client's errors mean that no sign of a worker can be read.
        return None
