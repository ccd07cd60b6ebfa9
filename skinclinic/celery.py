"""The Celery application. A message only says "look now"; the database row is the truth (docs/architecture.md)."""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "skinclinic.settings")

app = Celery("skinclinic")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
@beat_init.connect
def say_ready(**_: Any) -> None:
    """Tell whoever started this process that it is connected: its process id into `READY_FILE`, when asked for."""
    if path := os.environ.get("READY_FILE"):
        Path(path).write_text(str(os.getpid()))
