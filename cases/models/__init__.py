"""The clinical record."""

from cases.models.case import Answer, Case, CaseState
from cases.models.condition import Condition, Urgency
from cases.models.image import ImageKind, LesionImage
from cases.models.lesion import BodySite, Lesion, Side
from cases.models.outcome import Outcome
from cases.models.patient import Consent, Fitzpatrick, Patient, Sex
from cases.models.prediction import Prediction, PredictionState
from cases.models.read import Certainty, Management, Read
from cases.models.rescoring import Rescoring, RescoringState, SecondLook

__all__ = [
    "Answer",
    "BodySite",
    "Case",
    "CaseState",
    "Certainty",
    "Condition",
    "Consent",
    "Fitzpatrick",
    "ImageKind",
    "Lesion",
    "LesionImage",
    "Management",
    "Outcome",
    "Patient",
    "Prediction",
    "PredictionState",
    "Read",
    "Rescoring",
    "RescoringState",
    "SecondLook",
    "Sex",
    "Side",
    "Urgency",
]
