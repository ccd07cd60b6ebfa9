"""Why a photo gets no opinion, in sentences for people."""

from django.utils.translation import gettext_lazy

CONSENT_MISSING = gettext_lazy("The patient does not consent to AI use.")
AI_STOPPED = gettext_lazy("The AI is stopped in this clinic.")
PHOTO_REMOVED = gettext_lazy("The photo was removed.")


class InputRefused(Exception):
    """The photo or the record does not allow a prediction; the text is a sentence for the user."""
