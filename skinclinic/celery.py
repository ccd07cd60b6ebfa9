"""The Celery application. A message only says "look now"; the database row is the truth (docs/architecture.md)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "skinclinic.settings")

app = Celery("skinclinic")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
