"""What a reader says of a case: committed first, kept while it is written, and signed (cases/models/read.py)."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from cases.models.case import Case
from cases.models.condition import Condition
from cases.models.image import LesionImage


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
    """Something tried to change or delete what a reader committed."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    def update(self, **fields: Any) -> int:
        raise AppendOnlyError("A signed read is never changed; sign a new one.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("A signed read is never deleted; sign a correction.")


class AppendOnly(models.Model):
    """A row that is written once."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnlyError("A signed read is never changed; sign a new one.")
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("A signed read is never deleted; sign a correction.")


class FirstOpinion(AppendOnly):
    """What a reader thought before the AI's opinion was shown. Append-only, one a reader, case and newest photo.

    Of photos that come later the AI says something new: then the reader commits again (cases/blinding.py).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="first_opinions", verbose_name=_("case"))
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("reader")
    )
    condition = models.ForeignKey(Condition, on_delete=models.PROTECT, related_name="+", verbose_name=_("condition"))
    certainty = models.CharField(_("certainty"), max_length=8, choices=Certainty.choices)
    management = models.CharField(_("management"), max_length=15, choices=Management.choices)
    committed_at = models.DateTimeField(_("committed"), default=timezone.now)
    # The newest one that the case had then; none is known of opinions from before there was this column.
    newest_photo = models.ForeignKey(
        LesionImage, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("newest photo")
    )

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        verbose_name = _("first opinion")
        verbose_name_plural = _("first opinions")
        constraints = [
            models.UniqueConstraint(fields=["case", "reader", "newest_photo"], name="one_first_opinion_a_photo"),
            models.UniqueConstraint(
                fields=["case", "reader"],
                condition=models.Q(newest_photo__isnull=True),
                name="one_first_opinion_without_photo",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.condition}, {self.get_certainty_display().lower()}"


class ReadDraft(models.Model):
    """What a reader has entered and not signed yet, saved with every change."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="read_drafts", verbose_name=_("case"))
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("reader")
    )
    condition = models.ForeignKey(
        Condition, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("condition")
    )
    certainty = models.CharField(_("certainty"), max_length=8, choices=Certainty.choices, blank=True)
    management = models.CharField(_("management"), max_length=15, choices=Management.choices, blank=True)
    comment = models.TextField(_("comment"), max_length=2000, blank=True)
    version = models.PositiveIntegerField(_("version"), default=1)
    saved_at = models.DateTimeField(_("saved"), default=timezone.now)

    class Meta:
        verbose_name = _("unfinished read")
        verbose_name_plural = _("unfinished reads")
        constraints = [models.UniqueConstraint(fields=["case", "reader"], name="one_unfinished_read_a_reader")]

    def __str__(self) -> str:
        return f"{self.case}, {self.reader}"
