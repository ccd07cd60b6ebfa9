"""Why a photo gets no opinion, in sentences for people."""

from django.utils.translation import gettext_lazy

CONSENT_MISSING = gettext_lazy("The patient does not consent to AI use.")
AI_STOPPED = gettext_lazy("The AI is stopped in this clinic.")
PHOTO_REMOVED = gettext_lazy("The photo was removed.")
# No photo is to blame, so these end as `failed`.
MODEL_NOT_LOADED = gettext_lazy("The model cannot be loaded. Press Retry; if it fails again, tell your administrator.")


class InputRefused(Exception):
    """The photo or the record does not allow a prediction; the text is a sentence for the user."""


class ModelNotLoaded(Exception):
    """The model's bundle cannot be read here and now, as while a disk is away. It says nothing about the photo."""
