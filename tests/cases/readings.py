"""Makers of what a doctor's page shows: models, predictions in every state, and forms as a browser sends them."""

from typing import Any
from uuid import uuid4

from django.utils import timezone

from cases.models import Case, LesionImage, Prediction, PredictionState
from cases.prediction import opinions
from inference.models import ModelState, ModelVersion
from tests.cast import make_image


def make_version(name: str = "lite0", state: str = ModelState.ACTIVE) -> ModelVersion:
    """A registered version without a bundle."""
    known = ModelVersion.objects.filter(name=name).first()
    return known or ModelVersion.objects.create(
        name=name, path="none", sha256=f"{uuid4().hex}{uuid4().hex}", classes=["NEV", "MEL", "BCC"], state=state
    )


def predict(image: LesionImage, version: ModelVersion | None = None, **fields: Any) -> Prediction:
    """A finished prediction of a nevus, 90 %; in place of the one that intake has queued, if there is one."""
    result = {
        "state": PredictionState.DONE,
        "finished_at": timezone.now(),
        "probabilities": [["NEV", 0.9], ["MEL", 0.07], ["BCC", 0.03]],
        "answer_set": ["NEV"],
        "malignant_probability": 0.1,
        "map_rows": 7,
        "map_columns": 7,
        **fields,
    }
    prediction, _created = Prediction.every.update_or_create(
        image=image, model_version=version or make_version(), defaults=result
    )
    return prediction


QUEUED = {"state": PredictionState.QUEUED, "finished_at": None, "probabilities": None, "answer_set": None}
FAILED = {**QUEUED, "state": PredictionState.FAILED, "reason": "The computation broke off."}
URGENT = {"urgent": True, "malignant_probability": 0.64, "probabilities": [["MEL", 0.61], ["NEV", 0.39]]}
UNCERTAIN = {"uncertain": True, "probabilities": [["NEV", 0.4], ["MEL", 0.35], ["BCC", 0.25]]}


def opinion_on(case: Case, **fields: Any) -> Prediction:
    """A finished prediction (or what `fields` make of it) on the case's first photo."""
    return predict(case.images.first() or make_image(case), **fields)


def loaded(case: Case) -> Case:
    """The case as lists and pages load it."""
    return opinions.with_photos(Case.objects.select_related("lesion__patient")).get(id=case.id)


def card_of(case: Case, photo_id: Any = None) -> opinions.Card:
    return opinions.card(loaded(case), opinions.condition_names(), photo_id)


def read_form(**changes: Any) -> dict[str, Any]:
    """What a browser sends for a plain read; a None leaves the field out."""
    sent = {
        "read_id": str(uuid4()),
        "newest_seen": "",
        "condition": "NEV",
        "certainty": "certain",
        "management": "follow_up",
        "comment": "",
        **changes,
    }
    return {name: value for name, value in sent.items() if value is not None}
