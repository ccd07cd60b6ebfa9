"""One prediction from its claim to its stored result, in a worker."""

import io
import time
from contextlib import nullcontext
from uuid import UUID

import numpy as np
import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from PIL import Image

from cases.jobs import watchdog
from cases.models import Answer, Case, LesionImage, Prediction, PredictionState
from cases.prediction import flags, queue
from cases.prediction.refusals import (
    AI_STOPPED,
    CONSENT_MISSING,
    MODEL_NOT_LOADED,
    PHOTO_FILE_MISSING,
    PHOTO_REMOVED,
    PHOTO_UNREADABLE,
    InputRefused,
    ModelNotLoaded,
)
from inference import registry
from inference.answers import Answers
from inference.bundle import BundleError
from inference.engine import Opinion

log = structlog.get_logger(__name__)


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
    except ModelNotLoaded as error:
        log.error("model_not_loaded", prediction=str(prediction.id), attempts=prediction.attempts, error=str(error))
        if prediction.attempts >= settings.PREDICTION_MAX_ATTEMPTS:
            _finish(prediction, PredictionState.FAILED, reason=str(MODEL_NOT_LOADED))
        # Else the row stays claimed: the bundle may be back by the time that the lease has run out.
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
        InputRefused: consent was taken back, the photo was removed or cannot be read.
        ModelNotLoaded: the bundle is away or damaged.
    """
    image = prediction.image
    if not image.case.lesion.patient.allows_ai:
        raise InputRefused(CONSENT_MISSING)
    if image.case.clinic.ai_is_stopped:
        raise InputRefused(AI_STOPPED)
    if image.removed_at:
        raise InputRefused(PHOTO_REMOVED)
    answers = answers_of(image.case)
    try:
        engine = registry.engine(prediction.model_version)
    except BundleError as error:
        raise ModelNotLoaded(str(error)) from error
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
        raise InputRefused(PHOTO_FILE_MISSING) from error
    try:
        with Image.open(content) as picture:
            picture.load()
            return picture
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        # Pillow's decoders raise any of these for a damaged file.
        raise InputRefused(PHOTO_UNREADABLE) from error


def _finish(prediction: Prediction, state: PredictionState, *, reason: str) -> None:
    Prediction.every.filter(id=prediction.id, claim_token=prediction.claim_token).update(
        state=state, reason=reason[:300], finished_at=timezone.now(), claim_token=None, lease_until=None
    )


def _store(prediction: Prediction, opinion: Opinion, answers: Answers, *, duration_ms: int) -> bool:
    """Stores the result if the claim still stands; a late second result is dropped."""
    now = timezone.now()
    raises_flag = opinion.urgent and not prediction.silent
    # One statement is whole by itself; only a flag needs more than one.
    with transaction.atomic() if raises_flag else nullcontext():
        if raises_flag:
            # Case before prediction, as everywhere: the other order would be a deadlock with one who changes answers,
            # and a reader who signs meanwhile signs before it or after it.
            case = Case.objects.select_for_update().get(id=prediction.image.case_id)
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
            flags.said_urgent(case, prediction.model_version)
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
