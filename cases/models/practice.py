from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from accounts.models import Clinic
from cases.models.condition import Condition
from cases.models.lesion import BodySite


class PracticeCase(models.Model):
    """A case with a known answer, to keep readers watchful. It belongs to no patient, and no record points to it.

    The picture is drawn, or a copy of a signed case's photo under a new name: the row does not say whose it was.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+", verbose_name=_("clinic"))
    picture = models.FileField(_("picture"), max_length=200, editable=False)
    sha256 = models.CharField(max_length=64, editable=False, help_text=_("of the picture, so that none comes twice"))
    site = models.CharField(_("body site"), max_length=10, choices=BodySite.choices)
    decade = models.PositiveSmallIntegerField(_("age, rounded down to ten years"))
    answer = models.ForeignKey(Condition, on_delete=models.PROTECT, related_name="+", verbose_name=_("what it is"))
    # What the practice AI says, right or deliberately wrong; no model was asked.
    ai_says = models.ForeignKey(Condition, on_delete=models.PROTECT, related_name="+", verbose_name=_("the AI says"))
    is_drawn = models.BooleanField(_("drawn"), default=False)
    created_at = models.DateTimeField(_("added"), default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("added by")
    )
    retired_at = models.DateTimeField(_("taken out"), null=True)

    class Meta:
        verbose_name = _("practice case")
        verbose_name_plural = _("practice cases")
        ordering = ["created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["clinic", "sha256"], name="practice_picture_once_a_clinic")]

    def __str__(self) -> str:
        return f"{_('Practice case')} {self.created_at:%Y-%m-%d}"

    @property
    def ai_is_wrong(self) -> bool:
        return self.ai_says_id != self.answer_id


class PracticeRead(models.Model):
    """One reader's answer to a practice case, before and after the AI was shown; theirs alone to see."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    practice = models.ForeignKey(PracticeCase, on_delete=models.PROTECT, related_name="reads")
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    first = models.ForeignKey(Condition, on_delete=models.PROTECT, related_name="+")
    committed_at = models.DateTimeField(default=timezone.now)
    final = models.ForeignKey(Condition, on_delete=models.PROTECT, null=True, related_name="+")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("practice read")
        verbose_name_plural = _("practice reads")
        constraints = [
            models.UniqueConstraint(fields=["practice", "reader"], name="one_practice_read_a_reader"),
            models.CheckConstraint(
                condition=models.Q(final__isnull=True, finished_at__isnull=True)
                | models.Q(final__isnull=False, finished_at__isnull=False),
                name="finished_practice_read_has_when",
            ),
        ]

    def __str__(self) -> str:
        return str(self.practice)

    @property
    def is_finished(self) -> bool:
        return self.finished_at is not None
