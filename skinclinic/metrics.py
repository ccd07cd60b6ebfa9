"""Figures for Prometheus at /metrics (docs/deployment.md has a scrape configuration and alerts).

Two sources. What web processes see (requests, intake, refusals) they count themselves, and gunicorn.conf.py has them
count into files, so that whichever process is asked adds all of them up. What workers do is read from the rows when
somebody asks: it is the same whichever machine answers, and a killed worker loses no count. No label tells a patient.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from cases.models import Prediction, PredictionState
from cases.prediction import queue
from skinclinic import health

log = structlog.get_logger(__name__)

RECENT = timedelta(minutes=5)
ENDED = (PredictionState.DONE, PredictionState.REJECTED, PredictionState.FAILED)
_QUANTILES = (0.5, 0.95, 1.0)
# Quantiles of the newest are quantiles enough.
_MOST_TIMED = 5000


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Everything, for those who send METRICS_TOKEN as a bearer token; to others there is nothing here."""
    token = settings.METRICS_TOKEN
    if not token or not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}"):
        raise Http404
    return HttpResponse(b"".join(map(generate_latest, _registries())), content_type=CONTENT_TYPE_LATEST)


def _registries() -> Iterator[CollectorRegistry]:
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counted = CollectorRegistry()
        multiprocess.MultiProcessCollector(counted)
        yield counted
    else:
        yield REGISTRY
    rows = CollectorRegistry()
    rows.register(FromTheRows())
    yield rows


class FromTheRows(Collector):
    """The queue, what became of predictions of late, and whether the parts are well."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        parts = GaugeMetricFamily("skinclinic_ready", "1 where the part is well, as /readyz says.", labels=["part"])
        found = health.parts()
        for part, is_well in found.items():
            parts.add_metric([part], float(is_well))
        yield parts
        yield GaugeMetricFamily("skinclinic_disk_free_bytes", "On the disk of the photos.", health.free_bytes())
        if not found["database"]:
            return
        try:
            yield from [*_queues(), *_outcomes(), *_durations()]
        except DatabaseError as error:
            log.warning("metrics_without_rows", error=type(error).__name__)


def _queues() -> Iterator[GaugeMetricFamily]:
    number = GaugeMetricFamily("skinclinic_queue_predictions", "Predictions that wait.", labels=["queue"])
    age = GaugeMetricFamily("skinclinic_queue_oldest_seconds", "How long the oldest has waited.", labels=["queue"])
    for name, (waiting, oldest) in queue.waiting().items():
        number.add_metric([name], waiting)
        age.add_metric([name], oldest.total_seconds())
    yield number
    yield age


def _outcomes() -> Iterator[GaugeMetricFamily]:
    ended = GaugeMetricFamily(
        "skinclinic_predictions_5m", "Predictions that ended in the last five minutes.", labels=["queue", "outcome"]
    )
    counts = {
        (queue.name(is_urgent, silent), state): number
        for is_urgent, silent, state, number in _recent()
        .values_list("is_urgent_queue", "silent", "state")
        .annotate(Count("id"))
    }
    for name in queue.QUEUES:
        for state in ENDED:
            ended.add_metric([name, state], counts.get((name, state), 0))
    yield ended


def _durations() -> Iterator[GaugeMetricFamily]:
    """Wait is from the request to the last attempt's start, compute that attempt, total both."""
    seconds = GaugeMetricFamily(
        "skinclinic_prediction_seconds",
        "Of the predictions done in the last five minutes that somebody waits for.",
        labels=["phase", "quantile"],
    )
    done = _recent().filter(state=PredictionState.DONE, silent=False, duration_ms__isnull=False)
    rows = done.order_by("-finished_at").values_list("queued_at", "finished_at", "duration_ms")[:_MOST_TIMED]
    totals = [((finished - queued).total_seconds(), ms / 1000) for queued, finished, ms in rows]
    for phase, values in (
        ("wait", sorted(max(0.0, total - compute) for total, compute in totals)),
        ("compute", sorted(compute for _total, compute in totals)),
        ("total", sorted(total for total, _compute in totals)),
    ):
        for share in _QUANTILES if values else ():
            place = min(len(values) - 1, int(share * len(values)))
            seconds.add_metric([phase, str(share)], values[place])
    yield seconds


def _recent() -> Any:
    now = timezone.now()
    return Prediction.every.filter(state__in=ENDED, finished_at__gt=now - RECENT, finished_at__lte=now).order_by()
