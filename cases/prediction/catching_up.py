"""Photos that came while no model was active get their prediction when one is: by the sweep, exactly once."""

from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from cases.models import Case, Consent, LesionImage, Prediction
from cases.models.case import OPEN_STATES
from cases.prediction import asking
from inference import registry

BATCH = 200
# Once nothing is left, the sweep asks again only after so many seconds, since it reads every open case. Again at all
# because a photo may have been on its way when the model became active.
_REST = 300


def without_prediction() -> QuerySet[LesionImage]:
    """Standing photos of open cases whose patients consent, in clinics that have not stopped the AI, of which no model
    was ever asked in the open.

    All that `asking.request` asks of a case stands here: what it refuses would take the place of others in each batch.
    """
    return LesionImage.objects.filter(
        ~Exists(Prediction.objects.filter(image=OuterRef("pk"))),
        removed_at__isnull=True,
        case__state__in=OPEN_STATES,
        case__clinic__ai_stopped_at__isnull=True,
        case__lesion__patient__ai_consent=Consent.GRANTED,
    )


def sweep() -> int:
    """Requests what is missing by the active model, the most urgent first; returns the number."""
    try:
        version = registry.active()
    except registry.NoActiveModel:
        return 0
    rests = f"caught-up:{version.id}"
    if cache.get(rests):
        return 0
    waiting = list(without_prediction().order_by("-case__urgency", "created_at").values_list("id", "case_id")[:BATCH])
    if len(waiting) < BATCH:
        cache.set(rests, True, _REST)
    return sum(_requested(photo_id, case_id) for photo_id, case_id in waiting)


@transaction.atomic
def _requested(photo_id: UUID, case_id: UUID) -> bool:
    # Locked as everywhere where a case changes, so that its state cannot change in between.
    Case.objects.select_for_update().get(id=case_id)
    image = without_prediction().filter(id=photo_id).select_related("case__lesion__patient").first()
    return image is not None and asking.request(image) is not None
