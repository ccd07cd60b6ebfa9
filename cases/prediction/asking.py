"""What the AI is asked, and asked again. The row is the queue: it is created with the photo, in one transaction;
a Celery message only says "look now", and one that is lost costs a delay, not a prediction.

Silent predictions (the shadow's, and those of scoring old cases again) go the same way through a queue that workers
look at last, and change nothing that a reader sees.
"""

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Clinic
from cases.errors import Refused
from cases.jobs import broker
from cases.models import Case, LesionImage, Patient, Prediction, PredictionState, Read, Urgency
from cases.models.case import OPEN_STATES
from cases.models.prediction import PENDING_STATES, REFUSED_STATES
from cases.prediction import queue
from cases.prediction.refusals import AI_STOPPED, CONSENT_MISSING, PHOTO_REMOVED
from inference import registry
from inference.models import ModelState, ModelVersion

log = structlog.get_logger(__name__)


def request_first(image: LesionImage) -> None:
    """Queues what models are asked about a photo that this transaction has created, so nobody can have asked yet.

    Nothing is asked where the patient has not granted AI use, the clinic has stopped the AI, or no model is active.
    """
    if not _is_allowed(image.case):
        return
    at_work = registry.at_work()
    if ModelState.ACTIVE not in at_work:
        log.warning("prediction_without_model", image=str(image.id))
        return
    is_urgent = image.case.urgency == Urgency.URGENT
    rows = [Prediction(image=image, model_version=at_work[ModelState.ACTIVE], is_urgent_queue=is_urgent)]
    if shadow := at_work.get(ModelState.SHADOW):
        rows.append(Prediction(image=image, model_version=shadow, silent=True))
    Prediction.every.bulk_create(rows)
    for prediction in rows:
        _send_on_commit(prediction)


def _is_allowed(case: Case) -> bool:
    return case.lesion.patient.allows_ai and not case.clinic.ai_is_stopped


def request(image: LesionImage) -> Prediction | None:
    """Queues a prediction of `image`, of which the active model may have been asked before.

    Call it in the transaction of what allows or wants it; for a photo that is just being added `request_first` does.
    Returns None where the patient has not granted AI use, the clinic has stopped the AI, or no model is active.
    """
    if not _is_allowed(image.case):
        return None
    try:
        version = registry.active()
    except registry.NoActiveModel:
        log.warning("prediction_without_model", image=str(image.id))
        return None
    is_urgent = image.case.urgency == Urgency.URGENT
    prediction, created = Prediction.every.get_or_create(
        image=image, model_version=version, defaults={"is_urgent_queue": is_urgent}
    )
    if created:
        _send_on_commit(prediction)
    elif prediction.silent:
        # The model scored this photo silently before it became the active one. Now its opinion is asked for: it is
        # computed anew, since it is to be shown from now on and may raise the urgent flag.
        Prediction.every.filter(id=prediction.id).update(silent=False, is_urgent_queue=is_urgent)
        prediction.refresh_from_db()
        _queue_again(prediction, Q())
        prediction.refresh_from_db()
    _request_of_shadow(image)
    return prediction


def _request_of_shadow(image: LesionImage) -> None:
    """Queues the shadow's silent prediction; one that it has made before it was the shadow stays as it is."""
    shadow = registry.shadow()
    if shadow is None:
        return
    prediction, created = Prediction.every.get_or_create(image=image, model_version=shadow, defaults={"silent": True})
    if created:
        _send_on_commit(prediction)
    elif prediction.silent:
        _queue_again(prediction, Q(state=PredictionState.REJECTED))


def request_silently(image: LesionImage, version: ModelVersion) -> Prediction:
    """A queued silent prediction by `version`, for the caller to run; one that readers see is left as it is."""
    prediction, _created = Prediction.every.get_or_create(image=image, model_version=version, defaults={"silent": True})
    if prediction.silent and prediction.state in (PredictionState.FAILED, PredictionState.REJECTED):
        Prediction.every.filter(id=prediction.id).update(state=PredictionState.QUEUED, attempts=0, reason="")
    return prediction


def request_again(image: LesionImage) -> Prediction | None:
    """Queues what was refused before and is allowed now (consent was granted, a photo was put back)."""
    prediction = request(image)
    if prediction and _queue_again(prediction, Q(state=PredictionState.REJECTED)):
        prediction.refresh_from_db()
    return prediction


def facts_changed(cases: QuerySet[Case]) -> None:
    """Computes again what the model was told about open `cases`, but for opinions that a reader signed against."""
    signed_against = Read.objects.filter(prediction=OuterRef("pk"))
    stale = Prediction.every.filter(
        ~Exists(signed_against),
        # Of the silent ones, those that are still compared with the active model's.
        Q(silent=False) | Q(model_version__state=ModelState.SHADOW),
        image__case__in=cases.filter(state__in=OPEN_STATES),
        image__removed_at__isnull=True,
    )
    for prediction in stale:
        _queue_again(prediction, Q(state__in=[*PENDING_STATES, PredictionState.DONE]))


def answers_changed(case: Case) -> None:
    """Computes the case's predictions again, but for those that a reader has already signed against."""
    facts_changed(Case.objects.filter(id=case.id))


def urgency_changed(case: Case) -> None:
    """Moves the queued predictions of a case that became urgent ahead; what became less urgent stays where it is."""
    if case.urgency != Urgency.URGENT:
        return
    queued = Prediction.objects.filter(image__case=case, state=PredictionState.QUEUED, is_urgent_queue=False)
    for prediction in queued:
        prediction.is_urgent_queue = True
        prediction.save(update_fields=["is_urgent_queue"])
        _send_on_commit(prediction)


def consent_changed(patient: Patient) -> None:
    """Requests what a granted consent allows for the photos of open cases; ends what a consent taken back forbids."""
    images = LesionImage.objects.filter(case__lesion__patient=patient, removed_at__isnull=True)
    if not patient.allows_ai:
        _end_pending(images, CONSENT_MISSING)
        return
    for image in images.filter(case__state__in=OPEN_STATES).select_related("case__lesion__patient"):
        request_again(image)


def ai_stopped(clinic: Clinic) -> None:
    """Ends the clinic's pending predictions."""
    _end_pending(LesionImage.objects.filter(case__clinic=clinic), AI_STOPPED)


def ai_started(clinic: Clinic) -> None:
    """Requests opinions on the photos of the clinic's open cases, taken while the AI was stopped or ended by it."""
    images = LesionImage.objects.filter(case__clinic=clinic, removed_at__isnull=True, case__state__in=OPEN_STATES)
    for image in images.select_related("case__lesion__patient", "case__clinic"):
        request_again(image)


def photo_removed(image: LesionImage) -> None:
    """Ends the photo's pending predictions."""
    _end_pending(LesionImage.objects.filter(id=image.id), PHOTO_REMOVED)


def _end_pending(images: QuerySet[LesionImage], reason: object) -> None:
    Prediction.every.filter(image__in=images, state__in=PENDING_STATES).update(
        state=PredictionState.REJECTED,
        reason=str(reason),
        finished_at=timezone.now(),
        claim_token=None,
        lease_until=None,
    )


@transaction.atomic
def retry(prediction: Prediction) -> Prediction | None:
    """Queues a failed or rejected prediction again, with fresh attempts; None if it is in another state by now.

    Where its model was retired since, the active one is asked instead, and its prediction is returned: nobody waits
    for the opinion of a model that was taken out of use.

    Raises:
        Refused: its model was retired, and none is active (code "no_model").
    """
    if prediction.model_version.state != ModelState.RETIRED:
        return prediction if _queue_again(prediction, Q(state__in=REFUSED_STATES)) else None
    image = prediction.image
    still_refused = Prediction.objects.filter(id=prediction.id, state__in=REFUSED_STATES).exists()
    if not still_refused or not image.case.lesion.patient.allows_ai:
        return None
    current = request(image)
    if current is None:
        raise Refused(
            _("The model of this opinion was retired, and no other one is active. Ask your lead to promote one."),
            code="no_model",
        )
    if _queue_again(current, Q(state__in=REFUSED_STATES)):
        current.refresh_from_db()
    return current


@transaction.atomic
def rerun(image: LesionImage) -> Prediction | None:
    """Asks the active model once more; an opinion that a reader signed against is kept as it is."""
    # The lock keeps a reader from signing against the opinion while it is taken back.
    Case.objects.select_for_update().get(id=image.case_id)
    prediction = request(image)
    if prediction and prediction.state not in PENDING_STATES and not prediction.reads.exists():
        _queue_again(prediction, ~Q(state__in=PENDING_STATES))
        prediction.refresh_from_db()
    return prediction


def _queue_again(prediction: Prediction, allowed: Q) -> bool:
    changed = Prediction.every.filter(allowed, id=prediction.id).update(
        state=PredictionState.QUEUED,
        attempts=0,
        # Whoever computes it just now has lost the claim, so an answer to old questions is never stored.
        claim_token=None,
        lease_until=None,
        queued_at=timezone.now(),
        reason="",
    )
    if changed:
        _send_on_commit(prediction)
    return bool(changed)


def _send_on_commit(prediction: Prediction) -> None:
    broker.tell_on_commit(queue.TASK, prediction.id, queue.name(prediction.is_urgent_queue, prediction.silent))
