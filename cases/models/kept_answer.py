from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7


class KeptAnswer(models.Model):
    """What the API answered under an `Idempotency-Key`, so that the same request again is answered the same way.

    Neither the key nor the request stands here, only digests under the installation's secret; the answer is
    encrypted under the key, which only the client has (cases/idempotency.py).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key_digest = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    # The id that the request's new record gets, fixed before it is made: who takes over after a crash makes no second.
    record_id = models.UUIDField(default=uuid7)
    first_asked_at = models.DateTimeField(default=timezone.now, db_index=True)
    claim_token = models.UUIDField()
    lease_until = models.DateTimeField()
    # Empty while the first request is still at work.
    status = models.PositiveSmallIntegerField(null=True)
    body = models.BinaryField(null=True)
    # The record that the answer shows; who may not see it any more is not shown the answer either.
    shown_id = models.UUIDField(null=True)

    class Meta:
        verbose_name = _("kept answer")
        verbose_name_plural = _("kept answers")
        constraints = [
            models.UniqueConstraint(fields=["user", "key_digest"], name="one_answer_a_key"),
            models.CheckConstraint(
                condition=models.Q(status__isnull=True, body__isnull=True)
                | models.Q(status__isnull=False, body__isnull=False),
                name="kept_answer_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status or '…'}, {self.first_asked_at:%H:%M:%S}"
