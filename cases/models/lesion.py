from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from cases.models.patient import Patient


class BodySite(models.TextChoices):
    """Lower-case codes; those that a model knows reach it as an answer (inference/answers.py)."""

    SCALP = "scalp", _("Scalp")
    FACE = "face", _("Face")
    NOSE = "nose", _("Nose")
    LIP = "lip", _("Lip")
    EAR = "ear", _("Ear")
    NECK = "neck", _("Neck")
    CHEST = "chest", _("Chest")
    ABDOMEN = "abdomen", _("Abdomen")
    BACK = "back", _("Back")
    ARM = "arm", _("Upper arm")
    FOREARM = "forearm", _("Forearm")
    HAND = "hand", _("Hand")
    GENITAL = "genital", _("Genital area")
    BUTTOCK = "buttock", _("Buttock")
    THIGH = "thigh", _("Thigh")
    LEG = "leg", _("Lower leg")
    FOOT = "foot", _("Foot")
    OTHER = "other", _("Other site")


class Side(models.TextChoices):
    LEFT = "left", _("Left")
    RIGHT = "right", _("Right")
    MIDLINE = "midline", _("Midline")
    UNKNOWN = "", _("Not recorded")


class Lesion(models.Model):
    """A place on one patient's skin that lives across visits."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="lesions", verbose_name=_("patient"))
    body_site = models.CharField(_("body site"), max_length=10, choices=BodySite.choices)
    side = models.CharField(_("side"), max_length=8, choices=Side.choices, default=Side.UNKNOWN, blank=True)
    note = models.CharField(
        _("where exactly"),
        max_length=200,
        blank=True,
        help_text=_("for example: two fingers above the elbow"),
    )
    created_at = models.DateTimeField(_("first seen"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("lesion")
        verbose_name_plural = _("lesions")
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(condition=models.Q(body_site__in=BodySite.values), name="lesion_site_is_known"),
            models.CheckConstraint(condition=models.Q(side__in=Side.values), name="lesion_side_is_known"),
        ]

    def __str__(self) -> str:
        return self.place

    @property
    def place(self) -> str:
        """Side and site in words: "Left forearm"."""
        site = str(self.get_body_site_display())
        return f"{self.get_side_display()} {site.lower()}" if self.side else site
