from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from cases.models.case import Case
from cases.models.image import LesionImage


class PhotoFault(models.TextChoices):
    """What was wrong with the photos, in the words that staff can act on."""

    BLURRED = "blurred", _("Blurred: hold still, tap on the lesion to focus")
    DARK = "dark", _("Too dark: more light from the side")
    BRIGHT = "bright", _("Too bright or glaring: no flash, turn a little")
    FAR = "far", _("Too far away: the lesion should fill a third of the picture")
    OVERVIEW = "overview", _("No overview: one photo from further away that shows where it is")
    DERMOSCOPY = "dermoscopy", _("No dermoscopy: one photo through the dermatoscope")
    WRONG = "wrong", _("Not the lesion that the case is about")
    COVERED = "covered", _("Covered: remove hair, cream, ink or dressing")
    OTHER = "other", _("Something else (say what below)")


class PhotoRequest(models.Model):
    """A reader wants better photos: what is wrong, and what staff did about it."""

    # Made by the client, so that a double click asks once.
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="photo_requests", verbose_name=_("case"))
    faults: Any = models.JSONField(_("what is wrong"), default=list)  # codes of PhotoFault
    note = models.TextField(_("what to take"), max_length=1000, blank=True)
    # The one that is to be taken again; empty where the request is about the case's photos as a whole.
    photo = models.ForeignKey(
        LesionImage, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("which photo")
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("asked by")
    )
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("answered by")
    )
    answered_at = models.DateTimeField(_("answered"), null=True)
    # Why there is no better photo; empty where one was taken.
    answer = models.CharField(_("answer"), max_length=300, blank=True)
    # The reader took the request back before anybody answered.
    cancelled_at = models.DateTimeField(_("taken back"), null=True)

    class Meta:
        verbose_name = _("request for photos")
        verbose_name_plural = _("requests for photos")
        ordering = ["asked_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["case"],
                condition=models.Q(answered_at__isnull=True, cancelled_at__isnull=True),
                name="one_open_photo_request_a_case",
            )
        ]

    def __str__(self) -> str:
        return f"{self.case}, {self.asked_at:%Y-%m-%d}"

    @property
    def is_open(self) -> bool:
        return self.answered_at is None and self.cancelled_at is None

    @property
    def fault_words(self) -> list[str]:
        return [str(PhotoFault(code).label) for code in self.faults if code in PhotoFault.values]
