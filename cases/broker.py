"""Telling a worker to look at a row. The row is the truth, so a message that is lost costs a delay and no more."""

from uuid import UUID

import structlog
from celery import current_app
from django.db import transaction

log = structlog.get_logger(__name__)


def tell(task: str, row: UUID | str, queue: str) -> bool:
    """Sends `task` the id of a row. A broker that is down is logged and left to the sweep; False then."""
    try:
        current_app.send_task(task, args=[str(row)], queue=queue, retry=False)
    except Exception:
        # Kombu lets errors of many libraries through; whichever it is, the row is safe and the sweep re-sends.
        log.warning("broker_unreachable", task=task, row=str(row), queue=queue)
        return False
    return True


def tell_on_commit(task: str, row: UUID | str, queue: str) -> None:
    transaction.on_commit(lambda: tell(task, row, queue))
