"""Celery's door to the services. Messages carry ids only, never patient data."""

from contextlib import suppress
from uuid import UUID

from celery import shared_task

from cases import idempotency
from cases.jobs import heartbeat
from cases.notifications import mail
from cases.photo import orphans
from cases.prediction import catching_up, computing, queue, rescoring
from cases.reading import reads
from cases.worklist import escalation


@shared_task
def predict(prediction_id: str) -> None:
    computing.run(UUID(prediction_id))


@shared_task
def sweep_predictions() -> None:
    queue.sweep()
    reads.ask_again()
    catching_up.sweep()
    rescoring.sweep()


@shared_task
def rescore(rescoring_id: str) -> None:
    rescoring.work(UUID(rescoring_id))


@shared_task
def send_mail(event: str) -> None:
    mail.send_event(event)


@shared_task
def sweep_mail() -> None:
    mail.sweep()


@shared_task
def sweep_overdue() -> None:
    escalation.sweep()


@shared_task
def sweep_kept_answers() -> None:
    idempotency.sweep()


@shared_task
def sweep_orphans() -> None:
    # Why nothing was done is in the log, and `check --tag services` says it.
    with suppress(orphans.Doubtful):
        orphans.sweep()


@shared_task
def record_heartbeat() -> None:
    heartbeat.record()
