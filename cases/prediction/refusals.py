"""Why a photo gets no opinion, in sentences for people."""

from django.conf import settings
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext_lazy

from cases.models import PredictionState
from cases.models.prediction import UNUSABLE

CONSENT_MISSING = gettext_lazy("The patient does not consent to AI use.")
AI_STOPPED = gettext_lazy("The AI is stopped in this clinic.")
PHOTO_REMOVED = gettext_lazy("The photo was removed.")
PHOTO_FILE_MISSING = gettext_lazy("The photo's file is missing. Add the photo again.")
PHOTO_UNREADABLE = gettext_lazy("The photo cannot be read. Take it again.")
# No photo is to blame, so these end as `failed`.
MODEL_NOT_LOADED = gettext_lazy("The model cannot be loaded. Press Retry; if it fails again, tell your administrator.")


class InputRefused(Exception):
    """The photo or the record does not allow a prediction; the text is a sentence for the user."""


class ModelNotLoaded(Exception):
    """The model's bundle cannot be read here and now, as while a disk is away. It says nothing about the photo."""


def photo_to_blame() -> Q:
    """The predictions of no use for which their photo is to blame: no lesion to be seen on it, or not to be read.

    A consent, the clinic's switch and a photo that was removed end predictions as `rejected` too, and say nothing
    about photos. The row keeps its reason as workers write it: in the service's language, whoever asks here.
    """
    with translation.override(settings.LANGUAGE_CODE):
        reasons = [str(PHOTO_FILE_MISSING), str(PHOTO_UNREADABLE)]
    return UNUSABLE & (Q(state=PredictionState.DONE) | Q(reason__in=reasons))
