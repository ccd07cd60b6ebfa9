from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from cases.models.case import Case
from cases.pixels import quality


class ImageKind(models.TextChoices):
    CLOSE_UP = "close_up", _("Close-up")
    OVERVIEW = "overview", _("Overview")
    DERMOSCOPY = "dermoscopy", _("Dermoscopy")


class LesionImage(models.Model):
    """One photo: the original without metadata, an upright copy for the model, a thumbnail.

    Files are named by random ids, never by patient. cases/photo/intake.py writes them before the row exists.
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
    # Part -> 0 (useless) to 1 (good), see cases/pixels/quality.py; empty for photos from before there was a score.
    quality = models.JSONField(_("quality"), default=dict, blank=True, editable=False)
    # Advice for the one who took it ("blurred", ...); empty when there is nothing to remark.
    quality_remarks = models.JSONField(_("quality remarks"), default=list, blank=True, editable=False)
    # The perceptual hash (cases/pixels/likeness.py), and its bands, which an index can find.
    look = models.BigIntegerField(null=True, editable=False)
    look_band_0 = models.PositiveIntegerField(null=True, editable=False, db_index=True)
    look_band_1 = models.PositiveIntegerField(null=True, editable=False, db_index=True)
    look_band_2 = models.PositiveIntegerField(null=True, editable=False, db_index=True)
    look_band_3 = models.PositiveIntegerField(null=True, editable=False, db_index=True)
    # The photo that this one is almost the same as, and the remark that says where it is.
    resembles = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, editable=False, related_name="+")
    likeness = models.CharField(max_length=24, blank=True, editable=False)
    created_at = models.DateTimeField(_("received"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        editable=False,
        related_name="+",
        verbose_name=_("sent by"),
    )
    # Pixels of the upright original; NULL until somebody drew a line over a known length (cases/photo/scale.py).
    pixels_per_mm = models.FloatField(_("pixels per mm"), null=True, blank=True, editable=False)
    scale_set_at = models.DateTimeField(_("scale set"), null=True, blank=True, editable=False)
    scale_set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("scale set by"),
    )
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("photo")
        verbose_name_plural = _("photos")
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["created_at"], name="image_received")]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "sha256"],
                condition=models.Q(removed_at__isnull=True),
                name="same_photo_once_in_a_case",
            ),
            models.CheckConstraint(condition=models.Q(kind__in=ImageKind.values), name="image_kind_is_known"),
            models.CheckConstraint(
                condition=models.Q(pixels_per_mm__isnull=True)
                | models.Q(pixels_per_mm__gt=0, scale_set_at__isnull=False, scale_set_by__isnull=False),
                name="image_scale_has_who_and_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.width} × {self.height}"

    @property
    def quality_score(self) -> float | None:
        """0 (useless) to 1 (good), that of the worst part; None for a photo that was never measured."""
        return quality.score(self.quality, is_close_up=self.kind == ImageKind.CLOSE_UP)

    @property
    def remarks(self) -> list[str]:
        """Codes of the remarks that hold today: the kind may have been corrected, a photo alike removed."""
        codes = [code for code in self.quality_remarks if code != "too_far" or self.kind == ImageKind.CLOSE_UP]
        if self.resembles and self.resembles.removed_at is None:
            codes.append(self.likeness)
        return codes
