"""Celery's door to the jobs of the training worker. Messages carry ids only. Nothing here loads TensorFlow."""

from uuid import UUID

from celery import shared_task

from training import comparisons


@shared_task
def compare(comparison_id: str) -> None:
    comparisons.run(UUID(comparison_id))


@shared_task
def sweep_comparisons() -> None:
    comparisons.sweep()
