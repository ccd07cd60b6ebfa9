from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from cases.models.lesion import Lesion
from cases.models.patient import Patient


class Corrected(models.TextChoices):
    PATIENT = "patient", _("the patient's details")
    LESION = "lesion", _("the lesion's place or note")
    CONSENT = "consent", _("the patient's consent to AI use")


class RecordCorrection(models.Model):
    """That something was changed which reports say: each makes a version of every signed report that says it.

    What was changed from what to what is the audit log's to say.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(
        Patient, on_delete=models.PROTECT, related_name="corrections", verbose_name=_("patient")
    )
    # Set where it concerns this lesion alone.
    lesion = models.ForeignKey(
        Lesion, on_delete=models.PROTECT, null=True, blank=True, related_name="corrections", verbose_name=_("lesion")
    )
    what = models.CharField(_("what"), max_length=7, choices=Corrected.choices)
    at = models.DateTimeField(_("corrected"), default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("corrected by")
    )

    class Meta:
        verbose_name = _("correction of a record")
        verbose_name_plural = _("corrections of records")
        ordering = ["at", "id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(what__in=Corrected.values), name="correction_is_known")
        ]
        indexes = [models.Index(fields=["patient", "at"], name="correction_latest")]

    def __str__(self) -> str:
        return self.get_what_display()
