"""Celery's door to the jobs of the training worker. Messages carry ids only. Nothing here loads TensorFlow."""

from uuid import UUID

from celery import shared_task

from training.comparing import comparisons
from training.runs import lifecycle, trainer


@shared_task
def compare(comparison_id: str) -> None:
    comparisons.run(UUID(comparison_id))


@shared_task
def train(run_id: str) -> None:
    trainer.work(UUID(run_id))


@shared_task
def sweep() -> None:
    comparisons.sweep()
    lifecycle.sweep()
