"""How many requests one token may send."""

import time
from math import ceil
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.models import ApiToken

log = structlog.get_logger(__name__)
WINDOW_SECONDS = 60


class PerTokenThrottle(BaseThrottle):
    """Counts in windows of a minute: by token, else by person, else by address.

    A cache that is down lets everyone through: a limit is no reason to stop a clinic's work.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        key = f"api-throttle:{self._who(request)}:{int(time.time() // WINDOW_SECONDS)}"
        try:
            count = self._count(key)
        except Exception:
            # Each cache client has its own errors; whichever it is, there is no count to go by.
            log.warning("throttle_without_cache")
            return True
        return count <= settings.API_REQUESTS_PER_MINUTE

    def _count(self, key: str) -> int:
        try:
            return cache.incr(key)
        except ValueError:
            # The first request of this minute, or one of several first ones.
            cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
            return cache.incr(key)

    def wait(self) -> float:
        """Seconds until the next window."""
        return ceil(WINDOW_SECONDS - time.time() % WINDOW_SECONDS)

    def _who(self, request: Request) -> str:
        if isinstance(request.auth, ApiToken):
            return f"token-{request.auth.token_key}"
        if request.user.is_authenticated:
            return f"person-{request.user.pk}"
        return f"address-{self.get_ident(request)}"
