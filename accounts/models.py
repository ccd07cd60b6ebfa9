"""People, clinics, and who holds which role where."""

import zoneinfo
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken
from uuid6 import uuid7

from accounts.roles import GRANTS, Capability, Role


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("“%(name)s” is not a time zone; write one like Europe/Vienna."), params={"name": name})


_HOURS = [MinValueValidator(1), MaxValueValidator(24 * 90)]


class Clinic(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=120, unique=True)
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        default="UTC",
        validators=[validate_time_zone],
        help_text=_("like Europe/Vienna"),
    )
    answer_set_coverage = models.PositiveSmallIntegerField(
        _("coverage of the AI's answer sets, %"),
        default=90,
        choices=[(80, "80 %"), (90, "90 %"), (95, "95 %"), (99, "99 %")],
        help_text=_(
            "How often the set of conditions that the AI names shall hold the right one. A higher coverage names more "
            "conditions. It counts for predictions from now on."
        ),
    )
    # --- How this clinic reads -----------------------------------------------------------------------------
    read_first = models.BooleanField(
        _("doctors read first, then see the AI"),
        default=True,
        help_text=_("The AI's opinion stays hidden until the reader has committed a first opinion; both are kept."),
    )
    second_read_all = models.BooleanField(_("every case"), default=False)
    second_read_share = models.PositiveSmallIntegerField(
        _("a random share, %"), default=0, validators=[MaxValueValidator(100)]
    )
    second_read_urgent = models.BooleanField(_("urgent cases"), default=False)
    second_read_ai_differs = models.BooleanField(_("cases in which the AI and the reader disagree"), default=False)
    second_read_unsure = models.BooleanField(_("cases whose reader is not sure"), default=False)
    second_read_trainee = models.BooleanField(_("cases that a trainee has read"), default=True)
    target_hours_urgent = models.PositiveSmallIntegerField(_("urgent, hours"), default=4, validators=_HOURS)
    target_hours_soon = models.PositiveSmallIntegerField(_("soon, hours"), default=24, validators=_HOURS)
    target_hours_routine = models.PositiveSmallIntegerField(_("routine, hours"), default=72, validators=_HOURS)
    # --- The switch that stops the AI here -------------------------------------------------------------------
    ai_stopped_at = models.DateTimeField(_("AI stopped"), null=True, blank=True, editable=False)
    ai_stopped_by = models.ForeignKey(
        "accounts.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("AI stopped by"),
    )
    ai_stopped_reason = models.CharField(_("why the AI was stopped"), max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("clinic")
        verbose_name_plural = _("clinics")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def ai_is_stopped(self) -> bool:
        return self.ai_stopped_at is not None


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):  # type: ignore[django-manager-missing]  # Knox's related name
    """A person, or an integration, who signs in by email address."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(_("email address"), unique=True)
    name = models.CharField(_("name"), max_length=150)
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Switch off instead of deleting: what a person signed stays theirs."),
    )
    single_keys = models.BooleanField(
        _("single keys act"),
        default=True,
        help_text=_(
            "A letter or sign typed outside a field does something at once, such as n for the next case. Switch it "
            "off if you speak to your computer, or if keys are touched by mistake."
        ),
    )
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["name", "email"]
        constraints = [models.UniqueConstraint(Lower("email"), name="one_person_an_email_address")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ")[0]

    @property
    def is_staff(self) -> bool:
        """Whether this person may open the admin pages: by a role that grants it, or as the platform's operator."""
        return self.is_active and (
            self.is_superuser or any(Capability.OPEN_ADMIN in held.capabilities for held in self.held_memberships)
        )

    @property
    def initials(self) -> str:
        """ "IM" for "Dr. Ines Marek": the first and the last word that is no title."""
        words = [word for word in self.name.split() if not word.endswith(".")] or [self.email]
        return "".join(word[0] for word in dict.fromkeys((words[0], words[-1]))).upper()

    @cached_property
    def held_memberships(self) -> list["Membership"]:
        """This person's roles, one query a request; empty for an inactive person."""
        if not self.is_active:
            return []
        return list(self.memberships.select_related("clinic").order_by("clinic__name"))


class Membership(models.Model):
    """One role of one person in one clinic; a person may hold several."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("person"))
    clinic = models.ForeignKey(Clinic, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("clinic"))
    role = models.CharField(_("role"), max_length=12, choices=Role.choices)
    is_trainee = models.BooleanField(
        _("in training"),
        default=False,
        help_text=_("Where the clinic asks for it, a second doctor reads what a trainee has read."),
    )

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["user", "clinic", "role"], name="one_membership_a_role"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}, {self.clinic}"

    @property
    def capabilities(self) -> frozenset[Capability]:
        return GRANTS[self.role]


class ApiToken(AbstractAuthToken):
    """A token for the REST API; only its digest is stored, so it is shown once."""

    name = models.CharField(_("what it is for"), max_length=80, blank=True)

    class Meta:
        swappable = "KNOX_TOKEN_MODEL"
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        # Never the digest: this text stands in admin lists and in the audit log.
        return f"{self.name or _('API token')} ({self.token_key[:6]}…)"
