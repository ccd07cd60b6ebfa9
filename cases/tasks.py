"""Celery's door to the services. Messages carry ids only, never patient data."""

from uuid import UUID

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

from cases import catching_up, escalation, idempotency, intake, notification_mail, predictions, queue, rescoring

HEARTBEAT_KEY = "worker-heartbeat"


@shared_task
def predict(prediction_id: str) -> None:
    predictions.run(UUID(prediction_id))


@shared_task
def sweep_predictions() -> None:
    queue.sweep()
    catching_up.sweep()
    rescoring.sweep()


@shared_task
def rescore(rescoring_id: str) -> None:
    rescoring.work(UUID(rescoring_id))


@shared_task
def send_mail(event: str) -> None:
    notification_mail.send_event(event)


@shared_task
def sweep_mail() -> None:
    notification_mail.sweep()


@shared_task
def sweep_overdue() -> None:
    escalation.sweep()


@shared_task
def sweep_kept_answers() -> None:
    idempotency.sweep()


@shared_task
def sweep_orphans() -> None:
    intake.sweep_orphans()


@shared_task
def record_heartbeat() -> None:
    """Sent by beat, carried out by a worker: its age says that both, and the broker between them, are alive."""
    cache.set(HEARTBEAT_KEY, timezone.now(), timeout=None)
