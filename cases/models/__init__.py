"""The clinical record."""

from cases.models.case import Answer, Case, CaseState, ReadStage
from cases.models.condition import Condition, Urgency
from cases.models.image import ImageKind, LesionImage
from cases.models.judgement import Certainty, FirstOpinion, Management, ReadDraft
from cases.models.kept_answer import KeptAnswer
from cases.models.lesion import BodySite, Lesion, Side
from cases.models.notification import MailState, Notification, NotificationChoice, NotificationKind
from cases.models.outcome import Outcome, OutcomeVersion
from cases.models.patient import Consent, Fitzpatrick, Patient, Sex
from cases.models.photo_request import PhotoFault, PhotoRequest
from cases.models.practice import PracticeCase, PracticeRead
from cases.models.prediction import Prediction, PredictionState
from cases.models.read import Read, ReadKind, TakenBack
from cases.models.record_correction import Corrected, RecordCorrection
from cases.models.report_delivery import Delivery, ReportDelivery
from cases.models.rescoring import Rescoring, RescoringState, SecondLook
from cases.models.worklist import Reservation, SavedView

__all__ = [
    "Answer",
    "BodySite",
    "Case",
    "CaseState",
    "Certainty",
    "Condition",
    "Consent",
    "Corrected",
    "Delivery",
    "FirstOpinion",
    "Fitzpatrick",
    "ImageKind",
    "KeptAnswer",
    "Lesion",
    "LesionImage",
    "MailState",
    "Management",
    "Notification",
    "NotificationChoice",
    "NotificationKind",
    "Outcome",
    "OutcomeVersion",
    "Patient",
    "PhotoFault",
    "PhotoRequest",
    "PracticeCase",
    "PracticeRead",
    "Prediction",
    "PredictionState",
    "Read",
    "ReadDraft",
    "ReadKind",
    "ReadStage",
    "RecordCorrection",
    "ReportDelivery",
    "Rescoring",
    "RescoringState",
    "Reservation",
    "SavedView",
    "SecondLook",
    "Sex",
    "Side",
    "TakenBack",
    "Urgency",
]
