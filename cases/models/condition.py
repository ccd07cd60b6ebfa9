from django.db import models
from django.utils.translation import gettext_lazy as _


class Urgency(models.IntegerChoices):
    """Smaller is more urgent, so that the worklist's index is in reading order."""

    URGENT = 1, _("Urgent")
    SOON = 2, _("Soon")
    ROUTINE = 3, _("Routine")


class Condition(models.Model):
    """A coded diagnosis. A model's classes are a subset of these codes; conditions are data, not code."""

    code = models.CharField(_("code"), max_length=40, primary_key=True)
    name = models.CharField(_("name"), max_length=120, unique=True)
    icd10 = models.CharField(_("ICD-10"), max_length=12, blank=True)
    malignant = models.BooleanField(_("malignant"), null=True, help_text=_("unknown: the code alone does not say"))
    urgency = models.PositiveSmallIntegerField(_("urgency"), choices=Urgency.choices, default=Urgency.ROUTINE)
    synonyms = models.JSONField(_("synonyms"), default=list, blank=True)
    is_offered = models.BooleanField(
        _("offered to readers"), default=True, help_text=_("Switch off instead of deleting.")
    )

    class Meta:
        verbose_name = _("condition")
        verbose_name_plural = _("conditions")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=models.Q(urgency__in=Urgency.values), name="condition_urgency_is_known")
        ]

    def __str__(self) -> str:
        return self.name
