"""gunicorn reads this file by itself, under `manage.py up` and in production alike."""

import os
import shutil
import tempfile
from typing import Any

workers = int(os.environ.get("WEB_PROCESSES", "2"))
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "8"))
# The application is loaded once and shared; nothing in it may start a thread before the fork.
preload_app = True
timeout = 60
graceful_timeout = 10
keepalive = 5
max_requests = 20_000
max_requests_jitter = 2_000
# Its place would be shared by every gunicorn of this user.
control_socket_disable = True
errorlog = "-"
# Who asked for what is in the audit log; paths and addresses need not be written twice.
accesslog = os.environ.get("WEB_ACCESS_LOG") or None

# Where somebody scrapes /metrics, each process counts into files of its own in here, and the one that is asked adds
# them up. Set before the application is loaded, which looks at it once.
_counted = tempfile.mkdtemp(prefix="skinclinic-metrics-") if os.environ.get("METRICS_TOKEN") else ""
if _counted:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _counted


def on_exit(server: Any) -> None:
    if _counted:
        shutil.rmtree(_counted, ignore_errors=True)


def on_starting(server: Any) -> None:
    """Load the pages before the fork, so that the processes share them and the first visitor does not wait."""
    from django.urls import get_resolver

    _ = get_resolver().url_patterns
