"""What readers keep about the list itself: who is at which case just now, and views under a name."""

from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from accounts.models import Clinic
from cases.models.case import Case


class Reservation(models.Model):
    """A reader is at this case until `until`; the page that is open renews it and lets it go by its token."""

    case = models.OneToOneField(
        Case, on_delete=models.CASCADE, primary_key=True, related_name="reservation", verbose_name=_("case")
    )
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("reader")
    )
    token = models.UUIDField(_("token"), default=uuid4)
    since = models.DateTimeField(_("since"), default=timezone.now)
    until = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")

    def __str__(self) -> str:
        return f"{self.case}, {self.reader}"


class SavedView(models.Model):
    """Filters of the worklist under a name, of one person in one clinic."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("owner")
    )
    clinic = models.ForeignKey(Clinic, on_delete=models.CASCADE, related_name="+", verbose_name=_("clinic"))
    name = models.CharField(_("name"), max_length=60)
    # The address's query, codes only (cases/worklist/filters.py Filters.query).
    query = models.CharField(_("filters"), max_length=300)

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "clinic", "name"], name="one_saved_view_a_name"),
        ]

    def __str__(self) -> str:
        return self.name
