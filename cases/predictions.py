"""Predictions from request to result. The row is the queue: it is created with the photo, in one transaction;
a Celery message only says "look now", and one that is lost costs a delay, not a prediction.

Silent predictions (the shadow's, and those of scoring old cases again) go the same way through a queue that workers
look at last, and change nothing that a reader sees.
"""

import io
import time
from contextlib import nullcontext
from uuid import UUID

import numpy as np
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from PIL import Image

from accounts.models import Clinic
from cases import broker, notifications, queue, watchdog
from cases.errors import Refused
from cases.models import Answer, Case, LesionImage, Patient, Prediction, PredictionState, Read, Urgency
from cases.models.case import OPEN_STATES
from cases.models.prediction import PENDING_STATES, REFUSED_STATES
from inference import registry
from inference.answers import Answers
from inference.bundle import BundleError
from inference.engine import Opinion
from inference.models import ModelState, ModelVersion

log = structlog.get_logger(__name__)

_CONSENT_MISSING = gettext_lazy("The patient does not consent to AI use.")
_AI_STOPPED = gettext_lazy("The AI is stopped in this clinic.")
_PHOTO_REMOVED = gettext_lazy("The photo was removed.")


class InputRefused(Exception):
    """The photo or the record does not allow a prediction; the text is a sentence for the user."""


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
    """Queues a prediction of `image` by the active model; call it in the transaction that creates the photo.

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
        _end_pending(images, _CONSENT_MISSING)
        return
    for image in images.filter(case__state__in=OPEN_STATES).select_related("case__lesion__patient"):
        request_again(image)


def ai_stopped(clinic: Clinic) -> None:
    """Ends the clinic's pending predictions."""
    _end_pending(LesionImage.objects.filter(case__clinic=clinic), _AI_STOPPED)


def ai_started(clinic: Clinic) -> None:
    """Requests opinions on the photos of the clinic's open cases, taken while the AI was stopped or ended by it."""
    images = LesionImage.objects.filter(case__clinic=clinic, removed_at__isnull=True, case__state__in=OPEN_STATES)
    for image in images.select_related("case__lesion__patient", "case__clinic"):
        request_again(image)


def photo_removed(image: LesionImage) -> None:
    """Ends the photo's pending predictions."""
    _end_pending(LesionImage.objects.filter(id=image.id), _PHOTO_REMOVED)


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


def run(prediction_id: UUID) -> bool:
    """Claims, computes and stores one prediction; False if another worker has it or it needs nothing.

    Raises:
        Exception: any surprise, after the row says `failed` with a reason.
    """
    prediction = queue.claim(prediction_id)
    if prediction is None:
        return False
    # Nobody works on after the lease, so the queue goes on even where a decoder hangs.
    with watchdog.ends_this_process(after=settings.PREDICTION_LEASE_SECONDS):
        return _carry_out(prediction)


def _carry_out(prediction: Prediction) -> bool:
    started = time.monotonic()
    try:
        opinion, answers = _compute(prediction)
    except InputRefused as refusal:
        _finish(prediction, PredictionState.REJECTED, reason=str(refusal))
        return True
    except Exception:
        _finish(
            prediction,
            PredictionState.FAILED,
            reason=_("The computation broke off. Press Retry; if it fails again, tell your administrator."),
        )
        raise
    return _store(prediction, opinion, answers, duration_ms=round((time.monotonic() - started) * 1000))


def answers_of(case: Case) -> Answers:
    """The clinical answers as the model takes them; unknown is None."""
    known = {Answer.YES: True, Answer.NO: False}
    patient = case.lesion.patient
    return Answers(
        age=patient.age_on(timezone.localdate(case.created_at)),
        site=case.lesion.body_site,
        **{name: known.get(getattr(case, name)) for name in Case.QUESTIONS},
    )


def _compute(prediction: Prediction) -> tuple[Opinion, Answers]:
    """The model's opinion; no transaction is open.

    Raises:
        InputRefused: consent was taken back, the photo was removed or cannot be read, the model is gone.
    """
    image = prediction.image
    if not image.case.lesion.patient.allows_ai:
        raise InputRefused(_CONSENT_MISSING)
    if image.case.clinic.ai_is_stopped:
        raise InputRefused(_AI_STOPPED)
    if image.removed_at:
        raise InputRefused(_PHOTO_REMOVED)
    answers = answers_of(image.case)
    try:
        engine = registry.engine(prediction.model_version)
    except BundleError as error:
        raise InputRefused(_("The model cannot be loaded: %(why)s") % {"why": error}) from error
    coverage = image.case.clinic.answer_set_coverage
    return engine.classify(_picture(image), answers, coverage), answers


def _picture(image: LesionImage) -> Image.Image:
    """The upright copy, decoded.

    Raises:
        InputRefused: the file is missing or damaged.
        OSError: the storage does not answer, which is no fault of the photo.
    """
    try:
        with image.derivative.open("rb") as file:
            content = io.BytesIO(file.read())
    except FileNotFoundError as error:
        raise InputRefused(_("The photo's file is missing. Add the photo again.")) from error
    try:
        with Image.open(content) as picture:
            picture.load()
            return picture
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        # Pillow's decoders raise any of these for a damaged file.
        raise InputRefused(_("The photo cannot be read. Take it again.")) from error


def _finish(prediction: Prediction, state: PredictionState, *, reason: str) -> None:
    Prediction.every.filter(id=prediction.id, claim_token=prediction.claim_token).update(
        state=state, reason=reason[:300], finished_at=timezone.now(), claim_token=None, lease_until=None
    )


def _store(prediction: Prediction, opinion: Opinion, answers: Answers, *, duration_ms: int) -> bool:
    """Stores the result if the claim still stands; a late second result is dropped."""
    now = timezone.now()
    raises_flag = opinion.urgent and not prediction.silent
    case = Case.objects.filter(id=prediction.image.case_id)
    # One statement is whole by itself; only a flag needs more than one.
    with transaction.atomic() if raises_flag else nullcontext():
        if raises_flag:
            # Case before prediction, as everywhere: the other order would be a deadlock with one who changes answers.
            case.select_for_update().get()
        stored = Prediction.every.filter(
            id=prediction.id, claim_token=prediction.claim_token, state=PredictionState.RUNNING
        ).update(
            state=PredictionState.DONE,
            claim_token=None,
            lease_until=None,
            finished_at=now,
            duration_ms=duration_ms,
            reason="",
            answers=vars(answers),
            probabilities=[[code, round(p, 6)] for code, p in opinion.probabilities.items()],
            answer_set=list(opinion.answer_set),
            answer_set_coverage=opinion.coverage,
            malignant_probability=opinion.malignant_probability,
            urgent=opinion.urgent,
            uncertain=opinion.uncertain,
            novelty=opinion.novelty,
            strange=opinion.strange,
            # Nobody looks at the heat map of a silent prediction.
            **({} if prediction.silent else _maps(opinion)),
            embedding=opinion.embedding.astype(np.float16).tobytes(),
        )
        if stored and raises_flag:
            # Raises only: a later calm opinion does not take a flag back from a waiting case.
            case.update(flagged_by_ai=True, urgency=Urgency.URGENT)
            notifications.urgent_case(case.get())
    if stored:
        log.info("prediction_done", prediction=str(prediction.id), ms=duration_ms, attempts=prediction.attempts)
    return bool(stored)


def _maps(opinion: Opinion) -> dict[str, object]:
    """The class maps as they are stored; none of a network whose map is one cell, for that says nothing of where."""
    if opinion.maps[0].size == 1:
        return {"maps": None, "map_rows": None, "map_columns": None}
    return {
        "maps": opinion.maps.astype(np.float16).tobytes(),
        "map_rows": opinion.maps.shape[1],
        "map_columns": opinion.maps.shape[2],
    }
