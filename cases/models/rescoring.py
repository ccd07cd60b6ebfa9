from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from accounts.models import Clinic
from cases.models.case import Case
from inference.models import ModelVersion


class RescoringState(models.TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class Rescoring(models.Model):
    """One clinic's signed cases, scored again by one model version; the row is the job (prediction/rescoring.py)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+", verbose_name=_("clinic"))
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="rescorings", verbose_name=_("model version")
    )
    state = models.CharField(_("state"), max_length=10, choices=RescoringState.choices, default=RescoringState.RUNNING)
    total = models.PositiveIntegerField(_("photos to score"), default=0)
    done = models.PositiveIntegerField(_("photos looked at"), default=0)
    refused = models.PositiveIntegerField(_("photos without a result"), default=0)
    # The last photo that was looked at; photos are taken in the order of their ids.
    cursor = models.UUIDField(null=True)
    reason = models.CharField(_("why not"), max_length=300, blank=True)
    by = models.CharField(_("by"), max_length=200, help_text=_("who asked, as they were named then"))
    started_at = models.DateTimeField(_("asked for"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)
    claim_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("scoring of signed cases")
        verbose_name_plural = _("scorings of signed cases")
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "model_version"],
                condition=models.Q(state="running"),
                name="one_running_rescoring",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=RescoringState.values), name="rescoring_state_is_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=RescoringState.FAILED) | ~models.Q(reason=""),
                name="failed_rescoring_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model_version}, {self.done}/{self.total}"

    @property
    def is_running(self) -> bool:
        return self.state == RescoringState.RUNNING


class SecondLook(models.Model):
    """A doctor has looked again at a signed case that a new model would flag urgent."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="second_looks", verbose_name=_("case"))
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="+", verbose_name=_("model version")
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("looked at by")
    )
    at = models.DateTimeField(_("looked at"), default=timezone.now)

    class Meta:
        verbose_name = _("second look")
        verbose_name_plural = _("second looks")
        constraints = [
            models.UniqueConstraint(fields=["case", "model_version"], name="one_second_look_a_model_version"),
        ]

    def __str__(self) -> str:
        return f"{self.case}, {self.model_version}"
