"""Messages for the training worker. Under `manage.py up` it runs only while there is work, so it is woken as well."""

import os
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from django.db import transaction

from cases.jobs import broker

NAME = "training"
# The file by which `up` is asked to start the training worker (skinclinic/up/parts.py); not set where one always runs.
WAKE_FILE = "TRAINER_WAKE_FILE"


def tell(task: str, row: UUID | str) -> bool:
    """Sends `task` the id of a row; see cases/jobs/broker.py."""
    sent = broker.tell(task, row, NAME)
    if path := os.environ.get(WAKE_FILE):
        with suppress(OSError):
            Path(path).touch()
    return sent


def tell_on_commit(task: str, row: UUID | str) -> None:
    transaction.on_commit(lambda: tell(task, row))
