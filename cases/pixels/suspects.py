"""JPEGs that may have crashed their decoder, and with it the web process that took them in.

A JPEG is decoded in the web process (apart.py says why). Should that ever crash, the page sends the photo again, and it
would take the next process along. So a photo is marked while it is decoded: one whose mark stands was never finished,
and has a process of its own from then on.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import caches

# Longer than a page goes on sending a photo.
_SECONDS = 24 * 3600


@contextmanager
def first_try(sha256: str) -> Iterator[bool]:
    """Around the decoding of the photo with this digest: whether no earlier try was cut short.

    Where marks cannot be kept, because the cache is away, no photo counts as a first try.
    """
    key, cache = f"decoding:{sha256}", caches["shared"]
    is_first = cache.add(key, 1, _SECONDS)
    try:
        yield is_first
    except Exception:
        if is_first:
            cache.delete(key)
        # Else it may have crashed the process of its own as well, and goes on being suspected.
        raise
    # Not reached by a process that crashes.
    cache.delete(key)
