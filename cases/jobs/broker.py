"""Telling a worker to look at a row. The row is the truth, so a message that is lost costs a delay and no more."""

from uuid import UUID

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import ChannelError

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


def waiting(queue: str) -> int:
    """How many messages wait in `queue` and in no worker's hands; 0 where a broker that is down cannot say."""
    try:
        with current_app.producer_or_acquire() as producer:
            return producer.channel.queue_declare(queue=queue, passive=True).message_count
    except ChannelError:  # Redis knows no queue without messages
        return 0
    except Exception:
        log.warning("broker_unreachable", queue=queue)
        return 0


def tell_on_commit(task: str, row: UUID | str, queue: str) -> None:
    transaction.on_commit(lambda: tell(task, row, queue))
