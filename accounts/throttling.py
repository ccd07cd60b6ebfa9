"""How many requests one token may send."""

import time
from contextlib import suppress
from math import ceil
from typing import Any

from django.conf import settings
from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.models import ApiToken

WINDOW_SECONDS = 60


class PerTokenThrottle(BaseThrottle):
    """Counts in windows of a minute: by token, else by person, else by address."""

    def allow_request(self, request: Request, view: Any) -> bool:
        key = f"api-throttle:{self._who(request)}:{int(time.time() // WINDOW_SECONDS)}"
        return self._count(key) <= settings.API_REQUESTS_PER_MINUTE

    def _count(self, key: str) -> int:
        for _again in range(2):
            with suppress(ValueError):
                return cache.incr(key)
            # The first request of this minute, or one of several first ones.
            if cache.add(key, 1, timeout=2 * WINDOW_SECONDS):
                break
        return 1

    def wait(self) -> float:
        """Seconds until the next window."""
        return ceil(WINDOW_SECONDS - time.time() % WINDOW_SECONDS)

    def _who(self, request: Request) -> str:
        if isinstance(request.auth, ApiToken):
            return f"token-{request.auth.token_key}"
        if request.user.is_authenticated:
            return f"person-{request.user.pk}"
        return f"address-{self.get_ident(request)}"
