from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from cases.models.case import Case
from cases.models.condition import Condition


class BiopsyResult(models.Model):
    """What a biopsy found, and who recorded it when."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    condition = models.ForeignKey(Condition, on_delete=models.PROTECT, verbose_name=_("condition"))
    pathology_reference = models.CharField(_("pathology number"), max_length=60, blank=True)
    reported_on = models.DateField(_("reported on"))
    comment = models.TextField(_("comment"), max_length=2000, blank=True)
    recorded_at = models.DateTimeField(_("recorded"), default=timezone.now, editable=False)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        editable=False,
        related_name="+",
        verbose_name=_("recorded by"),
    )

    class Meta:
        abstract = True


class Outcome(BiopsyResult):
    """What the biopsy found: the label that outranks every read."""

    case = models.OneToOneField(Case, on_delete=models.PROTECT, related_name="outcome", verbose_name=_("case"))

    class Meta:
        verbose_name = _("outcome")
        verbose_name_plural = _("outcomes")
        # For the reports that a result has amended of late.
        indexes = [models.Index(fields=["recorded_at"], name="outcome_recorded")]

    def __str__(self) -> str:
        return f"{self.case}: {self.condition}"


class OutcomeVersion(BiopsyResult):
    """An outcome as it was recorded, or corrected. Written once: each makes a version of the report."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="outcome_versions", verbose_name=_("case"))

    class Meta:
        verbose_name = _("recorded outcome")
        verbose_name_plural = _("recorded outcomes")
        ordering = ["recorded_at", "id"]

    def __str__(self) -> str:
        return f"{self.case}: {self.condition}"
