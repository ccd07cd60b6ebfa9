from django.db import models
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from cases.models.image import LesionImage
from inference.models import ModelVersion


class PredictionState(models.TextChoices):
    """queued -> running -> done | rejected (bad input) | failed (a surprise); see cases/prediction/."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    REJECTED = "rejected", _("Not possible")
    FAILED = "failed", _("Failed")


# As a filter and as a property; tests hold both equal.
PENDING_STATES = (PredictionState.QUEUED, PredictionState.RUNNING)
REFUSED_STATES = (PredictionState.REJECTED, PredictionState.FAILED)
# Of no use to a reader: no lesion to be seen, or refused for whatever reason. An index finds these few; for which of
# them the photo is to blame, cases/prediction/refusals.py knows.
UNUSABLE = models.Q(state=PredictionState.DONE, strange=True) | models.Q(state=PredictionState.REJECTED)


class ShownPredictions(models.Manager["Prediction"]):
    """The predictions that people may see, which is all that code gets unless it asks for `Prediction.every`."""

    def get_queryset(self) -> models.QuerySet["Prediction"]:
        return super().get_queryset().filter(silent=False)


class Prediction(models.Model):
    """What one model version says about one photo. The row is the queue; a message only says "look now".

    A silent one was made to judge its model: by the shadow beside the active model, or by scoring signed cases again.
    It is never shown to a reader and raises no flag. `objects`, and with it `image.predictions`, leaves silent ones
    out; a join from another table (`images__predictions`) would not, so none is made (tests/cases/test_silent.py).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    image = models.ForeignKey(LesionImage, on_delete=models.PROTECT, related_name="predictions")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="predictions")
    state = models.CharField(
        _("state"),
        max_length=8,
        choices=PredictionState.choices,
        default=PredictionState.QUEUED,
        editable=False,
    )
    silent = models.BooleanField(_("silent"), default=False, editable=False)
    is_urgent_queue = models.BooleanField(_("urgent queue"), default=False, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, editable=False)
    claim_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(_("leased until"), null=True, editable=False)
    queued_at = models.DateTimeField(_("queued"), default=timezone.now, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)
    duration_ms = models.PositiveIntegerField(_("computing time, ms"), null=True, editable=False)
    reason = models.CharField(_("why not"), max_length=300, blank=True, editable=False)
    # The answers that the model saw, so that a result can be explained after they were edited.
    answers = models.JSONField(_("answers given to the model"), default=dict, editable=False)
    # [[condition code, calibrated probability], ...], highest first: PostgreSQL keeps no order in objects.
    probabilities = models.JSONField(_("probabilities"), null=True, editable=False)
    answer_set = models.JSONField(_("answer set"), null=True, editable=False)
    # How often, in per cent, such a set holds the right condition; the clinic's choice when it was computed.
    answer_set_coverage = models.PositiveSmallIntegerField(
        _("coverage of the answer set, %"), null=True, editable=False
    )
    malignant_probability = models.FloatField(_("probability of malignancy"), null=True, editable=False)
    urgent = models.BooleanField(_("urgent flag"), default=False, editable=False)
    uncertain = models.BooleanField(_("uncertain"), default=False, editable=False)
    # How unlike the training photos the picture is; empty from a model without that check.
    novelty = models.FloatField(_("novelty"), null=True, editable=False)
    strange = models.BooleanField(_("does not look like a lesion photo"), default=False, editable=False)
    # float16, C order; `maps` is [classes, rows, columns] with map_rows x map_columns a class.
    maps = models.BinaryField(null=True, editable=False)
    map_rows = models.PositiveSmallIntegerField(null=True, editable=False)
    map_columns = models.PositiveSmallIntegerField(null=True, editable=False)
    embedding = models.BinaryField(null=True, editable=False)  # float16 [d]

    objects = ShownPredictions()
    every = models.Manager["Prediction"]()

    class Meta:
        verbose_name = _("prediction")
        verbose_name_plural = _("predictions")
        ordering = ["-queued_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["image", "model_version"], name="one_prediction_a_model_version"),
            models.CheckConstraint(
                condition=models.Q(state__in=PredictionState.values), name="prediction_state_is_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(state=PredictionState.DONE)
                | models.Q(probabilities__isnull=False, finished_at__isnull=False),
                name="done_prediction_has_a_result",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=PredictionState.RUNNING)
                | models.Q(claim_token__isnull=False, lease_until__isnull=False),
                name="running_prediction_has_a_claim",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=[PredictionState.REJECTED, PredictionState.FAILED])
                | ~models.Q(reason=""),
                name="refused_prediction_says_why",
            ),
        ]
        indexes = [
            # The sweep and the queue figures look at unfinished rows only, so the index stays small for ever.
            models.Index(
                fields=["state", "queued_at"],
                name="prediction_unfinished",
                condition=models.Q(state__in=["queued", "running", "failed"]),
            ),
            # For what ended of late (skinclinic/metrics.py).
            models.Index(fields=["finished_at"], name="prediction_finished"),
            # UNUSABLE, for the figures.
            models.Index(
                fields=["queued_at"],
                name="prediction_unusable",
                condition=models.Q(state="done", strange=True) | models.Q(state="rejected"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()}, {self.model_version_id}"

    @property
    def first_condition(self) -> str | None:
        """The code of the most probable condition; None without a result."""
        return self.probabilities[0][0] if self.probabilities else None

    @property
    def is_pending(self) -> bool:
        return self.state in PENDING_STATES


def first_code(probabilities: str = "probabilities") -> KeyTextTransform:
    """`first_condition` as a column, by the path of `probabilities`; as text, of which no JSON is to be read."""
    return KeyTextTransform(0, KeyTransform(0, probabilities))


def first_share(probabilities: str = "probabilities") -> KeyTextTransform:
    """The probability of `first_code`, as text."""
    return KeyTextTransform(1, KeyTransform(0, probabilities))
