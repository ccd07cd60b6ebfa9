"""The registry of model versions."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7


class ModelState(models.TextChoices):
    CANDIDATE = "candidate", _("Candidate")
    SHADOW = "shadow", _("Shadow")
    ACTIVE = "active", _("Active")
    RETIRED = "retired", _("Retired")


class ModelVersion(models.Model):
    """One trained bundle. Exactly one version is active; the database holds that, not the code."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.SlugField(_("name"), max_length=80, unique=True)
    path = models.CharField(_("bundle folder"), max_length=500)
    sha256 = models.CharField(_("SHA-256"), max_length=64, unique=True)
    classes = models.JSONField(_("classes"), help_text=_("condition codes, in the order of the model's outputs"))
    metrics = models.JSONField(_("figures"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=ModelState.choices, default=ModelState.CANDIDATE)
    created_at = models.DateTimeField(_("registered"), default=timezone.now, editable=False)
    activated_at = models.DateTimeField(_("activated"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state=ModelState.ACTIVE), name="one_active_model"
            ),
            models.CheckConstraint(condition=models.Q(state__in=ModelState.values), name="model_state_is_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Comparison(models.Model):
    """Append-only: what a candidate and another model said of the same photos. A promotion rests on one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    candidate = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="comparisons", verbose_name=_("candidate")
    )
    baseline = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="+", verbose_name=_("compared with")
    )
    data = models.CharField(_("photos"), max_length=200)
    manifest_sha256 = models.CharField(_("SHA-256 of the photos' list"), max_length=64)
    figures = models.JSONField(_("figures"))
    by = models.CharField(_("by"), max_length=200)
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("comparison")
        verbose_name_plural = _("comparisons")
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(candidate=models.F("baseline")), name="comparison_is_of_two_models"
            )
        ]

    def __str__(self) -> str:
        return f"{self.candidate} - {self.baseline} {self.at:%Y-%m-%d %H:%M}"


class Activation(models.Model):
    """Append-only log of what was active when, why, and on whose word; a rollback reads it backwards."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="activations", verbose_name=_("model version")
    )
    replaced = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("replaced")
    )
    comparison = models.ForeignKey(
        Comparison, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("comparison it rests on")
    )
    reason = models.CharField(_("reason"), max_length=500)
    by = models.CharField(_("by"), max_length=200, help_text=_("who decided, as they were named then"))
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("activation")
        verbose_name_plural = _("activations")
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.model_version} {self.at:%Y-%m-%d %H:%M}"
