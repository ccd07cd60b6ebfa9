from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from cases.models.case import Case
from cases.models.condition import Condition
from cases.models.judgement import AppendOnly, AppendOnlyQuerySet, Certainty, FirstOpinion, Management
from cases.models.prediction import Prediction


class ReadKind(models.TextChoices):
    """What a read was for. A correction corrects a read of its own reader; an additional one came after signing."""

    FIRST = "first", _("First read")
    SECOND = "second", _("Second read")
    ARBITRATION = "arbitration", _("Arbitration")
    CORRECTION = "correction", _("Correction")
    ADDITIONAL = "additional", _("Additional read")


# For so long a reader can take back what they signed with one key; after that, they sign a correction.
UNDO_LASTS = timedelta(seconds=15)
# The reads that sign a case, but for an arbitration.
OWN_KINDS = (ReadKind.FIRST, ReadKind.SECOND)


class StandingReads(models.Manager.from_queryset(AppendOnlyQuerySet)):  # type: ignore[misc]  # made at run time
    """The reads that stand: those that their reader took back within seconds are history and count nowhere."""

    def get_queryset(self) -> AppendOnlyQuerySet:
        # Not a join: PostgreSQL locks no row on the nullable side of one.
        return super().get_queryset().filter(~Exists(TakenBack.objects.filter(read=OuterRef("pk"))))

    def decisive_first(self) -> AppendOnlyQuerySet:
        """For a subquery about one case: the read that it concludes with (`labels.decisive`), then the others."""
        same = self.get_queryset().filter(case=OuterRef("case"), reader=OuterRef("reader"))
        return (
            self.get_queryset()
            .alias(settles=Exists(same.filter(kind=ReadKind.ARBITRATION)))
            .alias(is_own=Exists(same.filter(kind__in=OWN_KINDS)))
            .order_by("-settles", "-is_own", "-signed_at", "-id")
        )


class Read(AppendOnly):
    """One reader's opinion. Append-only: a correction is a new read that names the one it corrects.

    `Read.objects` and `case.reads` are the reads that stand; `Read.every` also those that were taken back.

    The database refuses UPDATE by trigger (migration 0002); this class says so earlier and in words.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="reads", verbose_name=_("case"))
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reads", verbose_name=_("reader")
    )
    condition = models.ForeignKey(Condition, on_delete=models.PROTECT, verbose_name=_("condition"))
    kind = models.CharField(_("kind"), max_length=11, choices=ReadKind.choices, default=ReadKind.FIRST)
    first_opinion = models.ForeignKey(
        FirstOpinion, on_delete=models.PROTECT, null=True, related_name="reads", verbose_name=_("first opinion")
    )
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

    objects = StandingReads()
    every = AppendOnlyQuerySet.as_manager()

    class Meta:
        verbose_name = _("read")
        verbose_name_plural = _("reads")
        ordering = ["signed_at", "id"]
        indexes = [models.Index(fields=["signed_at"], name="read_signed")]
        constraints = [
            models.CheckConstraint(condition=models.Q(kind__in=ReadKind.values), name="read_kind_is_known"),
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

    @property
    def agrees_with_ai(self) -> bool | None:
        """Whether the reader's condition is the AI's first; None where the AI gave no opinion or was hidden."""
        if self.prediction is None or self.prediction.first_condition is None:
            return None
        return self.prediction.first_condition == self.condition_id


class TakenBack(AppendOnly):
    """A read that its reader took back within seconds of signing ("undo"): it stays as history and counts nowhere."""

    read = models.OneToOneField(
        Read, on_delete=models.PROTECT, primary_key=True, related_name="taken_back", verbose_name=_("read")
    )
    at = models.DateTimeField(_("taken back"), default=timezone.now)

    class Meta:
        verbose_name = _("read that was taken back")
        verbose_name_plural = _("reads that were taken back")

    def __str__(self) -> str:
        return str(self.read)
