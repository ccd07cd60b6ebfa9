from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from cases.models.case import Case


def report_number(digest: str) -> str:
    """What stands on a report's paper: enough of its digest to find it again."""
    return "-".join(digest[start : start + 4] for start in (0, 4, 8))


class Delivery(models.TextChoices):
    PRINTED = "printed", _("Printed")
    SENT = "sent", _("Sent")
    HANDED_OVER = "handed_over", _("Given to the patient")


class ReportDelivery(models.Model):
    """Somebody says that they printed, sent or handed over a report: which one, by its version and digest."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="report_deliveries", verbose_name=_("case"))
    how = models.CharField(_("how"), max_length=11, choices=Delivery.choices)
    version = models.PositiveSmallIntegerField(_("version"))
    digest = models.CharField(_("SHA-256 of the content"), max_length=64)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("marked by")
    )
    at = models.DateTimeField(_("marked"), default=timezone.now)

    class Meta:
        verbose_name = _("delivery of a report")
        verbose_name_plural = _("deliveries of reports")
        ordering = ["-at", "-id"]
        constraints = [models.CheckConstraint(condition=models.Q(how__in=Delivery.values), name="delivery_is_known")]
        indexes = [models.Index(fields=["case", "-at"], name="delivery_latest")]

    def __str__(self) -> str:
        return self.get_how_display()

    @property
    def number(self) -> str:
        """That of the paper itself; the same version may show another one now, with a corrected name."""
        return report_number(self.digest)
