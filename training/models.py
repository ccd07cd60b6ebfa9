"""What was learnt from the clinics' cases: frozen lists of photos, and the models that came of them."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from accounts.models import Clinic
from cases.models import LesionImage, Patient
from cases.reading.labels import LabelSource
from inference.models import ModelVersion


class Split(models.TextChoices):
    """Which part of a data set a patient's photos are in, for good (training/data/snapshots.py)."""

    TRAIN = "train", _("Learnt from")
    VAL = "val", _("Held out to watch")
    TEST = "test", _("Held out to test")


class Snapshot(models.Model):
    """A frozen list of signed cases' photos with their labels and splits; the hash names exactly that list."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    clinic = models.ForeignKey(
        Clinic,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("clinic"),
        help_text=_("none: all"),
    )
    sha256 = models.CharField(_("SHA-256"), max_length=64, db_index=True)
    includes_unconfirmed = models.BooleanField(_("with corrections that nobody confirmed"), default=False)
    photo_count = models.PositiveIntegerField(_("photos"))
    patient_count = models.PositiveIntegerField(_("patients"))
    # {"sources": {LabelSource: photos}, "left_out": {reason: photos}}
    counts = models.JSONField(_("counts"), default=dict)
    by = models.CharField(_("by"), max_length=200, help_text=_("who asked, as they were named then"))
    at = models.DateTimeField(_("taken"), default=timezone.now)
    model_versions = models.ManyToManyField(ModelVersion, related_name="snapshots", verbose_name=_("models"))

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return self.sha256[:12]


class SnapshotPhoto(models.Model):
    """One photo of a snapshot, with all that training reads of its case: later changes do not reach it."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="photos")
    image = models.ForeignKey(LesionImage, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="snapshot_photos")
    sha256 = models.CharField(max_length=64)
    label = models.CharField(max_length=40)
    source = models.CharField(max_length=12, choices=LabelSource.choices)
    split = models.CharField(max_length=5, choices=Split.choices)
    answers = models.JSONField(default=dict)
    groups = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("photo of a snapshot")
        verbose_name_plural = _("photos of snapshots")
        ordering = ["sha256", "id"]
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "image"], name="photo_once_in_a_snapshot"),
            models.CheckConstraint(condition=models.Q(split__in=Split.values), name="snapshot_split_is_known"),
            models.CheckConstraint(condition=models.Q(source__in=LabelSource.values), name="snapshot_source_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.label}, {self.split}"


class RunState(models.TextChoices):
    """queued -> running -> done | failed, queued -> cancelled, running -> cancelling -> cancelled.

    See training/runs/lifecycle.py.
    """

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    CANCELLING = "cancelling", _("Stopping")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


AT_WORK = (RunState.RUNNING, RunState.CANCELLING)
PENDING = (RunState.QUEUED, *AT_WORK)


class TrainingRun(models.Model):
    """A model being trained, asked for on the pages. The row is the job, its progress and its result."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Whose signed cases it learns from, and who may see it; none where it learns from the operator's folder alone.
    clinic = models.ForeignKey(
        Clinic, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("signed cases of")
    )
    uses_folder = models.BooleanField(_("photos of the operator's folder"), default=False)
    includes_unconfirmed = models.BooleanField(_("with corrections that nobody confirmed"), default=False)
    name = models.SlugField(_("name"), max_length=80, unique=True)
    network = models.CharField(_("network"), max_length=20)
    quick = models.BooleanField(_("head alone"), default=False)
    epochs = models.PositiveSmallIntegerField(_("most epochs"), null=True)
    by = models.CharField(_("by"), max_length=200, help_text=_("who asked, as they were named then"))
    # Who is told when it is done; nobody where a program asked.
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("asked by")
    )
    at = models.DateTimeField(_("asked for"), default=timezone.now)

    state = models.CharField(_("state"), max_length=10, choices=RunState.choices, default=RunState.QUEUED)
    stage = models.CharField(_("what it does just now"), max_length=200, blank=True)
    done = models.PositiveIntegerField(_("of this, done"), default=0)
    total = models.PositiveIntegerField(_("of this, in all"), default=0)
    percent = models.PositiveSmallIntegerField(_("of all, per cent"), default=0)
    ends_at = models.DateTimeField(_("expected end"), null=True)
    said = models.JSONField(_("said on the way"), default=list)  # lines
    curves = models.JSONField(_("learning curves"), default=dict)  # {fit: progress.Curve}
    reason = models.CharField(_("why not"), max_length=500, blank=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, null=True, related_name="runs")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, null=True, related_name="runs", verbose_name=_("model version")
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    claim_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        ordering = ["-at", "-id"]
        constraints = [
            # Nothing where none is at work, and unique otherwise: two trainings at once would only slow each other.
            models.UniqueConstraint(
                models.Case(models.When(state__in=["running", "cancelling"], then=1)), name="one_training_at_a_time"
            ),
            models.CheckConstraint(condition=models.Q(state__in=RunState.values), name="training_state_is_known"),
            models.CheckConstraint(
                condition=models.Q(clinic__isnull=False) | models.Q(uses_folder=True), name="training_run_has_data"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=RunState.FAILED) | ~models.Q(reason=""), name="failed_training_says_why"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=RunState.DONE) | models.Q(model_version__isnull=False),
                name="done_training_has_a_model",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_pending(self) -> bool:
        return self.state in PENDING
