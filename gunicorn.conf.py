"""gunicorn reads this file by itself, under `manage.py up` and in production alike."""

import os

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
