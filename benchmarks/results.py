"""Waiting for results, as the product's own database tells when they were stored."""

import time
from collections.abc import Collection
from uuid import UUID

from cases.models import Prediction, PredictionState
from cases.models.prediction import PENDING_STATES

MOST_SECONDS = 300.0


def stored(cases: Collection[UUID], *, look_again: float = 0.2) -> list[float]:
    """When the results of `cases` were stored (seconds since 1970), in time order; waits until all are.

    The rows say when, so looking seldom loses nothing, and looking often would take the processor from who computes.

    Raises:
        RuntimeError: one failed or was refused, or they take more than MOST_SECONDS.
    """
    ours = Prediction.objects.filter(image__case__in=cases)
    until = time.monotonic() + MOST_SECONDS
    while True:
        done = ours.filter(state=PredictionState.DONE)
        missing = len(cases) - done.count()
        if missing <= 0:
            moments = done.order_by("finished_at").values_list("finished_at", flat=True)
            return [moment.timestamp() for moment in moments if moment]
        for refused in ours.exclude(state__in=[*PENDING_STATES, PredictionState.DONE]):
            raise RuntimeError(f"A prediction ended as {refused.state}: {refused.reason}")
        if time.monotonic() > until:
            raise RuntimeError(f"{missing} of {len(cases)} predictions are not there after {MOST_SECONDS:g} s")
        time.sleep(look_again)
