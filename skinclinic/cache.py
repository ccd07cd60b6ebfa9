"""The cache on the broker's server."""

from typing import Any

import structlog
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

log = structlog.get_logger(__name__)


class ForgetfulCache(RedisCache):
    """A server that is down is an empty cache: a limit that cannot be counted is no reason to stop a clinic's work.

    So people sign in and photos are taken in while the broker is away.
    """

    def add(self, *arguments: Any, **options: Any) -> bool:
        return self._or(False, super().add, *arguments, **options)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._or(default, super().get, key, default, version)

    def set(self, *arguments: Any, **options: Any) -> None:
        self._or(None, super().set, *arguments, **options)

    def touch(self, *arguments: Any, **options: Any) -> bool:
        return self._or(False, super().touch, *arguments, **options)

    def delete(self, *arguments: Any, **options: Any) -> bool:
        return self._or(False, super().delete, *arguments, **options)

    def get_many(self, *arguments: Any, **options: Any) -> dict:
        return self._or({}, super().get_many, *arguments, **options)

    def has_key(self, *arguments: Any, **options: Any) -> bool:
        return self._or(False, super().has_key, *arguments, **options)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """The new count.

        Raises:
            ValueError: nothing is counted under `key`, or the server is down.
        """
        try:
            return super().incr(key, delta, version)
        except RedisError as error:
            log.warning("cache_unreachable", error=type(error).__name__)
            raise ValueError("nothing is counted") from error

    def set_many(self, *arguments: Any, **options: Any) -> list:
        return self._or([], super().set_many, *arguments, **options)

    def _or(self, otherwise: Any, ask: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return ask(*arguments, **options)
        except RedisError as error:
            log.warning("cache_unreachable", error=type(error).__name__)
            return otherwise
