from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from cases.models.case import Case
from cases.models.condition import Condition
from cases.models.prediction import Prediction


class Certainty(models.TextChoices):
    CERTAIN = "certain", _("Certain")
    PROBABLE = "probable", _("Probable")
    POSSIBLE = "possible", _("Possible")


class Management(models.TextChoices):
    DISCHARGE = "discharge", _("Discharge")
    FOLLOW_UP = "follow_up", _("Follow-up")
    BIOPSY = "biopsy", _("Biopsy")
    URGENT_REFERRAL = "urgent_referral", _("Urgent referral")


class AppendOnlyError(Exception):
    """Something tried to change or delete a signed read."""


class AppendOnlyQuerySet(models.QuerySet["Read"]):
    def update(self, **fields: Any) -> int:
        raise AppendOnlyError("A signed read is never changed; sign a new one.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("A signed read is never deleted; sign a correction.")


class Read(models.Model):
    """One reader's opinion. Append-only: a correction is a new read that names the one it corrects.

    The database refuses UPDATE by trigger (migration 0002); this class says so earlier and in words.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="reads", verbose_name=_("case"))
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reads", verbose_name=_("reader")
    )
    condition = models.ForeignKey(Condition, on_delete=models.PROTECT, verbose_name=_("condition"))
    certainty = models.CharField(_("certainty"), max_length=8, choices=Certainty.choices)
    management = models.CharField(_("management"), max_length=15, choices=Management.choices)
    comment = models.TextField(_("comment"), max_length=2000, blank=True)
    ai_visible = models.BooleanField(_("AI opinion was visible"))
    prediction = models.ForeignKey(
        Prediction, on_delete=models.PROTECT, null=True, related_name="reads", verbose_name=_("AI opinion")
    )
    corrects = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="corrected_by", verbose_name=_("corrects")
    )
    signed_at = models.DateTimeField(_("signed"), default=timezone.now)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        verbose_name = _("read")
        verbose_name_plural = _("reads")
        ordering = ["signed_at", "id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(certainty__in=Certainty.values), name="read_certainty_is_known"),
            models.CheckConstraint(
                condition=models.Q(management__in=Management.values), name="read_management_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(ai_visible=True) | models.Q(prediction__isnull=True),
                name="read_names_only_a_seen_prediction",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.condition}, {self.get_certainty_display().lower()}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError("A signed read is never changed; sign a new one.")
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("A signed read is never deleted; sign a correction.")

    @property
    def agrees_with_ai(self) -> bool | None:
        """Whether the reader's condition is the AI's first; None where the AI gave no opinion or was hidden."""
        if self.prediction is None or self.prediction.first_condition is None:
            return None
        return self.prediction.first_condition == self.condition_id
