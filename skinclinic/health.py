"""For load balancers: is this process alive, and is the service ready to take work?"""

import shutil
from datetime import timedelta
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.core.files.storage import storages
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from cases.jobs import heartbeat
from cases.prediction import queue
from inference import known, registry

LEAST_FREE_BYTES = 500 * 1024 * 1024
LONGEST_HEARTBEAT_AGE = timedelta(seconds=60)
LONGEST_QUEUE_AGE = timedelta(minutes=5)


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """200 as long as this process answers; asks nothing of others, so a database outage restarts no web process."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 if all parts are well, else 503; the body says which is not."""
    found = parts()
    return JsonResponse(found, status=200 if all(found.values()) else 503)


def parts() -> dict[str, bool]:
    """What the service needs, and whether it is well."""
    found = {
        "database": _database(),
        "broker": _broker(),
        "model": False,
        "worker": False,
        "queue": False,
        "disk": _disk(),
    }
    if settings.S3_BUCKET:
        found["storage"] = _storage()
    if found["database"]:
        found |= {"model": _model(), "queue": _queue()}
    if found["broker"]:
        found["worker"] = _worker()
    return found


def _database() -> bool:
    """Whether it answers, known within seconds.

    PostgreSQL is asked over a new connection, for which there is a limit (settings.py); one that this thread has kept
    may wait without an end for a server that takes what is sent and says nothing.
    """
    asked = connection.copy() if connection.vendor == "postgresql" else connection
    try:
        with asked.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    finally:
        if asked is not connection:
            asked.close()
    return True


def _broker() -> bool:
    try:
        with current_app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
    except Exception:
        # Kombu lets errors of many libraries through; each means the same here.
        return False
    return True


def _model() -> bool:
    """A model is active, and its bundle is whole where the workers look for it."""
    try:
        return known.is_whole(registry.active())
    except registry.NoActiveModel:
        return False


def _worker() -> bool:
    try:
        seen = cache.get(heartbeat.KEY)
    except Exception:
        # The cache is the broker's server: its client's errors mean that it is gone.
        return False
    return seen is not None and abs(timezone.now() - seen) < LONGEST_HEARTBEAT_AGE


def _queue() -> bool:
    """No prediction that somebody waits for has waited for longer than a patient should."""
    waiting = queue.waiting()
    return all(waiting[name][1] <= LONGEST_QUEUE_AGE for name in ("urgent", "routine"))


def _disk() -> bool:
    return free_bytes() > LEAST_FREE_BYTES


def free_bytes() -> int:
    """On the disk that photos are written to; where they go to a bucket, on that of everything else."""
    folder = Path(settings.VAR if settings.S3_BUCKET else settings.MEDIA_ROOT)
    return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free


def _storage() -> bool:
    return storages["default"].answers()  # type: ignore[attr-defined]
