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
    """One trained bundle. At most one version is active and one is the shadow: the database holds that, not the code.

    inference/promotion.py has the ways from one state to another.
    """

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
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state=ModelState.SHADOW), name="one_shadow_model"
            ),
            models.CheckConstraint(condition=models.Q(state__in=ModelState.values), name="model_state_is_known"),
        ]

    def __str__(self) -> str:
        return self.name


class ComparisonState(models.TextChoices):
    """queued -> running -> done | failed | cancelled; see training/comparing/comparisons.py."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


COMPARISON_PENDING = (ComparisonState.QUEUED, ComparisonState.RUNNING)


class Comparison(models.Model):
    """A candidate measured beside another model, as a rule the active one, on the same frozen test set.

    The row is the job and its result. training/comparing/paired.py says what stands in `figures`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    candidate = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="comparisons", verbose_name=_("candidate")
    )
    baseline = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="+", verbose_name=_("compared with")
    )
    data = models.CharField(_("test set"), max_length=200)
    source = models.CharField(
        max_length=200, blank=True, help_text=_("a key of training/data/testsets.py, for the worker")
    )
    # The test set is this hash: the same name with other photos is another test set.
    manifest_sha256 = models.CharField(_("manifest, SHA-256"), max_length=64, blank=True)
    n = models.PositiveIntegerField(_("photos"), null=True)
    figures = models.JSONField(_("figures"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=ComparisonState.choices, default=ComparisonState.QUEUED)
    done = models.PositiveIntegerField(_("photos measured"), default=0)
    total = models.PositiveIntegerField(_("photos to measure"), default=0)
    reason = models.CharField(_("why not"), max_length=500, blank=True)
    by = models.CharField(_("by"), max_length=200, help_text=_("who asked, as they were named then"))
    at = models.DateTimeField(_("asked for"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    # An admin's word that the candidate may be promoted although the cases were too few to say.
    waived_reason = models.CharField(_("reason for the waiver"), max_length=500, blank=True)
    waived_by = models.CharField(_("waived by"), max_length=200, blank=True)
    waived_at = models.DateTimeField(_("waived"), null=True)

    class Meta:
        verbose_name = _("comparison")
        verbose_name_plural = _("comparisons")
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(candidate=models.F("baseline")), name="comparison_is_of_two_models"
            ),
            models.UniqueConstraint(
                fields=["candidate", "baseline", "source"],
                condition=models.Q(state__in=["queued", "running"]),
                name="one_pending_comparison",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=ComparisonState.values), name="comparison_state_is_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=ComparisonState.DONE)
                | (models.Q(n__isnull=False, finished_at__isnull=False) & ~models.Q(manifest_sha256="")),
                name="done_comparison_names_its_test_set",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=ComparisonState.FAILED) | ~models.Q(reason=""),
                name="failed_comparison_says_why",
            ),
            models.CheckConstraint(
                condition=models.Q(waived_reason="", waived_by="", waived_at__isnull=True)
                | (~models.Q(waived_reason="") & ~models.Q(waived_by="") & models.Q(waived_at__isnull=False)),
                name="waiver_has_who_why_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.candidate} / {self.baseline}"

    @property
    def is_pending(self) -> bool:
        return self.state in COMPARISON_PENDING


class ActivationKind(models.TextChoices):
    PROMOTED = "promoted", _("Made active")
    ROLLED_BACK = "rolled_back", _("Rolled back to")
    SHADOW_ON = "shadow_on", _("Made the shadow")
    SHADOW_OFF = "shadow_off", _("No longer the shadow")


class Activation(models.Model):
    """Append-only log of what was active or the shadow when, why, and on whose word; a rollback reads it backwards."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="activations", verbose_name=_("model version")
    )
    replaced = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("replaced")
    )
    kind = models.CharField(_("what"), max_length=12, choices=ActivationKind.choices, default=ActivationKind.PROMOTED)
    reason = models.CharField(_("reason"), max_length=500)
    by = models.CharField(_("by"), max_length=200, help_text=_("who decided, as they were named then"))
    comparison = models.ForeignKey(
        Comparison, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("comparison")
    )
    # Why, and on whose word, the comparison did not stand against it; empty where it needed no such word.
    override_reason = models.CharField(_("reason for the override"), max_length=500, blank=True)
    override_by = models.CharField(_("override by"), max_length=200, blank=True)
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("activation")
        verbose_name_plural = _("activations")
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=ActivationKind.values), name="activation_kind_is_known"),
            models.CheckConstraint(
                condition=models.Q(override_reason="", override_by="")
                | (~models.Q(override_reason="") & ~models.Q(override_by="")),
                name="override_has_who_and_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model_version} {self.at:%Y-%m-%d %H:%M}"
