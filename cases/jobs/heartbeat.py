"""The sign of life that a worker gives: beat sends it, a worker carries it out."""

from django.core.cache import cache
from django.utils import timezone

KEY = "worker-heartbeat"


def record() -> None:
    """Its age says that both, and the broker between them, are alive."""
    cache.set(KEY, timezone.now(), timeout=None)
