from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from cases.models.case import Case


class ImageKind(models.TextChoices):
    CLOSE_UP = "close_up", _("Close-up")
    OVERVIEW = "overview", _("Overview")
    DERMOSCOPY = "dermoscopy", _("Dermoscopy")


class LesionImage(models.Model):
    """One photo: the original without metadata, an upright copy for the model, a thumbnail.

    Files are named by random ids, never by patient. cases/intake.py writes them before the row exists.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="images", verbose_name=_("case"))
    kind = models.CharField(_("kind"), max_length=10, choices=ImageKind.choices, default=ImageKind.CLOSE_UP)
    original = models.FileField(_("original"), max_length=200, editable=False)
    derivative = models.FileField(_("upright copy"), max_length=200, editable=False)
    thumbnail = models.FileField(_("thumbnail"), max_length=200, editable=False)
    content_type = models.CharField(_("file type"), max_length=40, editable=False)
    sha256 = models.CharField(
        _("SHA-256"),
        max_length=64,
        editable=False,
        db_index=True,
        help_text=_("of the bytes as they were sent"),
    )
    byte_size = models.PositiveBigIntegerField(_("bytes"), editable=False)
    width = models.PositiveIntegerField(_("width"), editable=False, help_text=_("pixels, upright"))
    height = models.PositiveIntegerField(_("height"), editable=False, help_text=_("pixels, upright"))
    # Advice for the one who took it ("blurred", ...); empty when there is nothing to remark.
    quality_remarks = models.JSONField(_("quality remarks"), default=list, blank=True, editable=False)
    created_at = models.DateTimeField(_("received"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        editable=False,
        related_name="+",
        verbose_name=_("sent by"),
    )
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("photo")
        verbose_name_plural = _("photos")
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "sha256"],
                condition=models.Q(removed_at__isnull=True),
                name="same_photo_once_in_a_case",
            ),
            models.CheckConstraint(condition=models.Q(kind__in=ImageKind.values), name="image_kind_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.width} × {self.height}"
