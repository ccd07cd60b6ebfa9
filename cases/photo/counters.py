"""Counters of what web processes do with photos, for /metrics (skinclinic/metrics.py). No label tells a patient.

What workers do is not counted here: it stands in the predictions' rows, which every process can read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import Counter, Histogram

from cases.errors import Refused

_TAKEN = Histogram(
    "skinclinic_intake_seconds",
    "From a photo's bytes to its committed row.",
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
_REFUSED = Counter("skinclinic_photos_refused", "Photos that were not taken, by reason.", ["reason"])


@contextmanager
def intake() -> Iterator[None]:
    """Times a photo's intake; one that is refused counts by its reason, one that breaks off as "error"."""
    began = perf_counter()
    try:
        yield
    except Refused as refusal:
        refused(refusal.code)
        raise
    except Exception:
        refused("error")
        raise
    _TAKEN.observe(perf_counter() - began)


def refused(code: str) -> None:
    """`code` is one of the code's own words, never what somebody sent."""
    _REFUSED.labels(code).inc()
