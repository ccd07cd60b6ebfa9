"""For load balancers: is this process alive, and is the service ready to take work?"""

import shutil
from datetime import timedelta

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from cases.models import Prediction, PredictionState
from cases.tasks import HEARTBEAT_KEY
from inference.models import ModelState, ModelVersion

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
    """200 if database, broker, model, disk and queue are well, else 503; the body says which is not."""
    parts = {
        "database": _database(),
        "broker": _broker(),
        "model": False,
        "worker": False,
        "queue": False,
        "disk": _disk(),
    }
    if parts["database"]:
        parts |= {"model": _model(), "queue": _queue()}
    if parts["broker"]:
        parts["worker"] = _worker()
    return JsonResponse(parts, status=200 if all(parts.values()) else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
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
    return ModelVersion.objects.filter(state=ModelState.ACTIVE).exists()


def _worker() -> bool:
    try:
        seen = cache.get(HEARTBEAT_KEY)
    except Exception:
        # The cache is the broker's server: its client's errors mean that it is gone.
        return False
    return seen is not None and timezone.now() - seen < LONGEST_HEARTBEAT_AGE


def _queue() -> bool:
    """No prediction has waited for longer than a patient should."""
    return not Prediction.objects.filter(
        state=PredictionState.QUEUED, queued_at__lt=timezone.now() - LONGEST_QUEUE_AGE
    ).exists()


def _disk() -> bool:
    return free_bytes() > LEAST_FREE_BYTES


def free_bytes() -> int:
    """Room on the disk that holds the photos."""
    folder = settings.MEDIA_ROOT if settings.MEDIA_ROOT.exists() else settings.BASE_DIR
    return shutil.disk_usage(folder).free
