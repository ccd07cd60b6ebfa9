"""Predictions that a test has asked for."""

from datetime import timedelta

from django.utils import timezone

from cases.models import Prediction


def fresh(prediction: Prediction) -> Prediction:
    return Prediction.objects.get(id=prediction.id)


def expire(prediction: Prediction) -> None:
    """Lets the lease run out, as time does."""
    Prediction.objects.filter(id=prediction.id).update(lease_until=timezone.now() - timedelta(seconds=1))
