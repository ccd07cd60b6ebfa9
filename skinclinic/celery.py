"""The Celery application. A message only says "look now"; the database row is the truth (docs/architecture.md)."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import beat_init, task_postrun, task_prerun, worker_ready

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


class _Idleness:
    """How long this worker has had nothing to do."""

    def __init__(self) -> None:
        self.at_work, self.since = 0, time.monotonic()

    def begin(self, **_: Any) -> None:
        self.at_work += 1

    def end(self, **_: Any) -> None:
        self.at_work, self.since = self.at_work - 1, time.monotonic()

    @property
    def seconds(self) -> float:
        return 0.0 if self.at_work else time.monotonic() - self.since


@worker_ready.connect
def leave_when_idle(**_: Any) -> None:
    """End a worker that had nothing to do for `EXIT_WHEN_IDLE` seconds, where that is set; `up` starts it again."""
    limit = float(os.environ.get("EXIT_WHEN_IDLE") or 0)
    if not limit:
        return
    idleness = _Idleness()
    # Celery holds its listeners weakly.
    task_prerun.connect(idleness.begin, weak=False)
    task_postrun.connect(idleness.end, weak=False)

    def watch() -> None:
        while idleness.seconds < limit:
            time.sleep(min(limit / 4, 5))
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
