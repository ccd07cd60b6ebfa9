from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from accounts.models import Clinic
from cases.models.case import Case
from inference.models import ModelVersion


class NotificationKind(models.TextChoices):
    URGENT_WAITING = "urgent_waiting", _("An urgent case is waiting")
    DUE_SOON = "due_soon", _("A case has little time left")
    OVERDUE = "overdue", _("A case has waited too long")
    FLAGGED_LATE = "flagged_late", _("The AI flags a case that was signed before")
    PHOTOS_WANTED = "photos_wanted", _("Better photos are wanted")
    PHOTOS_DUE = "photos_due", _("New photos are still missing")
    REPORT_READY = "report_ready", _("A report is ready")
    REPORT_AMENDED = "report_amended", _("A report was amended")
    ARBITRATION = "arbitration", _("Two readers disagree")
    IN_QUESTION = "in_question", _("A signed case is in question")
    OUTCOME_KNOWN = "outcome_known", _("A biopsy result is known")
    TRAINING_DONE = "training_done", _("A training has ended")


class MailState(models.TextChoices):
    """none: not wanted; queued -> sent | failed. A queued row whose `mail_due_at` has passed is anybody's to send."""

    NONE = "none", _("Not wanted")
    QUEUED = "queued", _("Queued")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")


class Notification(models.Model):
    """Something that one person should know. It names records and repeats nothing that stands in them.

    The row is the queue of the mail, too: it is written in the transaction of what happened, and a worker sends what is
    due (cases/notifications/).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications", verbose_name=_("person")
    )
    kind = models.CharField(_("kind"), max_length=14, choices=NotificationKind.choices)
    # Names what happened: kind, record, occasion. The constraint on it keeps anybody from being told twice.
    event = models.CharField(_("event"), max_length=160)
    clinic = models.ForeignKey(Clinic, on_delete=models.CASCADE, null=True, related_name="+", verbose_name=_("clinic"))
    case = models.ForeignKey(
        Case, on_delete=models.CASCADE, null=True, related_name="notifications", verbose_name=_("case")
    )
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.CASCADE, null=True, related_name="+", verbose_name=_("model")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    # From then on it is shown and sent: what can be undone for some seconds is not told before.
    due_at = models.DateTimeField(_("due"), default=timezone.now)
    in_app = models.BooleanField(_("in the app"), default=True)
    read_at = models.DateTimeField(_("read"), null=True)
    mail_state = models.CharField(_("mail"), max_length=6, choices=MailState.choices, default=MailState.NONE)
    mail_due_at = models.DateTimeField(_("next try"), null=True)
    mail_attempts = models.PositiveSmallIntegerField(_("tries"), default=0)

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-due_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["person", "event"], name="nobody_is_told_twice"),
            models.CheckConstraint(
                condition=models.Q(kind__in=NotificationKind.values), name="notification_kind_is_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(mail_state=MailState.QUEUED) | models.Q(mail_due_at__isnull=False),
                name="queued_mail_has_when",
            ),
        ]
        indexes = [
            models.Index(fields=["person", "-due_at", "-id"], name="notification_list"),
            # The count in the top line, on every page: only what is unread.
            models.Index(
                fields=["person"], name="notification_unread", condition=models.Q(in_app=True, read_at__isnull=True)
            ),
            models.Index(
                fields=["mail_due_at"], name="notification_mail", condition=models.Q(mail_state=MailState.QUEUED.value)
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()

    @property
    def is_new(self) -> bool:
        return self.read_at is None


class NotificationChoice(models.Model):
    """Where a person wants to hear of one kind; without a row it is as cases/notifications/choices.py says."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(_("kind"), max_length=14, choices=NotificationKind.choices)
    in_app = models.BooleanField(_("in the app"))
    by_mail = models.BooleanField(_("by mail"))

    class Meta:
        verbose_name = _("choice of notifications")
        verbose_name_plural = _("choices of notifications")
        constraints = [models.UniqueConstraint(fields=["person", "kind"], name="one_choice_a_kind")]

    def __str__(self) -> str:
        return self.get_kind_display()
