"""The cache on the broker's server, and what becomes of it while that server is down."""

import time
from collections.abc import Callable
from typing import Any, ClassVar

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

log = structlog.get_logger(__name__)

# A server that hangs is asked again after so many seconds, and not by everything that one request does.
ASKED_AGAIN_AFTER = 5.0


def _asked(name: str) -> Any:
    """The method `name` of a cache, of the server or of what stands in for it."""

    def ask(self: "StandInCache", *arguments: Any, **options: Any) -> Any:
        of_server: Callable[..., Any] = getattr(RedisCache, name)
        return self.ask(of_server, getattr(self.stand_in, name), *arguments, **options)

    return ask


class StandInCache(RedisCache):
    """While its server is down, each process counts in its own memory.

    So people sign in and photos are taken in while the broker is away, and passwords still cannot be guessed without
    an end: with N processes a limit is N times as high, and begins anew when the server goes and when it comes back.
    """

    _away_until: ClassVar[float] = 0.0

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        # One for all threads: they share it by its name.
        self.stand_in = LocMemCache("stand-in", {"OPTIONS": {"MAX_ENTRIES": 10_000}})

    def ask(self, server: Callable[..., Any], stand_in: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if time.monotonic() >= StandInCache._away_until:
            try:
                return server(self, *arguments, **options)
            except RedisError as error:
                StandInCache._away_until = time.monotonic() + ASKED_AGAIN_AFTER
                log.warning("cache_unreachable", error=type(error).__name__)
        return stand_in(*arguments, **options)

    add, get, set, touch, delete, incr, has_key = map(
        _asked, ("add", "get", "set", "touch", "delete", "incr", "has_key")
    )
    get_many, set_many, delete_many = map(_asked, ("get_many", "set_many", "delete_many"))


class SharedCache(RedisCache):
    """For marks that mean nothing unless other processes see them: none can be made while its server is down."""

    def add(self, *arguments: Any, **options: Any) -> bool:
        return self._or_false(super().add, *arguments, **options)

    def delete(self, *arguments: Any, **options: Any) -> bool:
        return self._or_false(super().delete, *arguments, **options)

    def _or_false(self, ask: Callable[..., bool], *arguments: Any, **options: Any) -> bool:
        try:
            return ask(*arguments, **options)
        except RedisError as error:
            log.warning("cache_unreachable", error=type(error).__name__)
            return False
