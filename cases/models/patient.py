from datetime import date

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from accounts.models import Clinic


class Sex(models.TextChoices):
    FEMALE = "female", _("Female")
    MALE = "male", _("Male")
    OTHER = "other", _("Other")
    UNKNOWN = "unknown", _("Not recorded")


class Fitzpatrick(models.TextChoices):
    I = "1", _("I: always burns, never tans")  # noqa: E741 (the type's own name)
    II = "2", _("II: usually burns, tans little")
    III = "3", _("III: sometimes burns, tans evenly")
    IV = "4", _("IV: rarely burns, tans well")
    V = "5", _("V: brown skin")
    VI = "6", _("VI: dark brown or black skin")
    UNKNOWN = "", _("Not recorded")


class Consent(models.TextChoices):
    GRANTED = "granted", _("Granted")
    REFUSED = "refused", _("Refused")
    NOT_ASKED = "not_asked", _("Not asked")


class Patient(models.Model):
    """One person in one clinic. The same person in two clinics is two records that know nothing of each other."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="patients", verbose_name=_("clinic"))
    # Upper case always (cases/record/patients.py), so that "ab-12" and "AB-12" cannot be two people.
    mrn = models.CharField(_("MRN"), max_length=40, help_text=_("medical record number"))
    family_name = models.CharField(_("family name"), max_length=100)
    given_name = models.CharField(_("given name"), max_length=100)
    # What a search compares: lower case, no accents; written by cases/record/patients.py.
    family_key = models.CharField(max_length=100, editable=False)
    given_key = models.CharField(max_length=100, editable=False)
    birth_date = models.DateField(_("birth date"))
    sex = models.CharField(_("sex"), max_length=8, choices=Sex.choices, default=Sex.UNKNOWN)
    fitzpatrick = models.CharField(
        _("skin type"), max_length=1, choices=Fitzpatrick.choices, default=Fitzpatrick.UNKNOWN, blank=True
    )
    ai_consent = models.CharField(
        _("consent to AI use"), max_length=9, choices=Consent.choices, default=Consent.NOT_ASKED
    )
    ai_consent_at = models.DateTimeField(_("recorded"), null=True, blank=True, editable=False)
    ai_consent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    training_consent = models.CharField(
        _("consent to training use"), max_length=9, choices=Consent.choices, default=Consent.NOT_ASKED
    )
    training_consent_at = models.DateTimeField(_("recorded"), null=True, blank=True, editable=False)
    training_consent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(_("registered"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta:
        verbose_name = _("patient")
        verbose_name_plural = _("patients")
        ordering = ["family_key", "given_key", "id"]
        constraints = [
            models.UniqueConstraint(fields=["clinic", "mrn"], name="mrn_unique_in_clinic"),
            models.CheckConstraint(condition=~models.Q(mrn=""), name="mrn_is_not_empty"),
            models.CheckConstraint(condition=models.Q(sex__in=Sex.values), name="patient_sex_is_known"),
            models.CheckConstraint(
                condition=models.Q(fitzpatrick__in=Fitzpatrick.values), name="patient_fitzpatrick_is_known"
            ),
            # A consent without who and when is not a consent.
            models.CheckConstraint(
                condition=models.Q(ai_consent=Consent.NOT_ASKED)
                | models.Q(ai_consent__in=Consent.values, ai_consent_at__isnull=False, ai_consent_by__isnull=False),
                name="ai_consent_has_who_and_when",
            ),
            models.CheckConstraint(
                condition=models.Q(training_consent=Consent.NOT_ASKED)
                | models.Q(
                    training_consent__in=Consent.values,
                    training_consent_at__isnull=False,
                    training_consent_by__isnull=False,
                ),
                name="training_consent_has_who_and_when",
            ),
        ]
        indexes = [
            # Pattern operators let PostgreSQL serve prefix searches; other databases ignore them.
            models.Index(
                fields=["clinic", "family_key", "given_key"],
                name="patient_by_name",
                opclasses=["uuid_ops", "varchar_pattern_ops", "varchar_pattern_ops"],
            ),
            models.Index(
                fields=["clinic", "given_key", "family_key"],
                name="patient_by_given_name",
                opclasses=["uuid_ops", "varchar_pattern_ops", "varchar_pattern_ops"],
            ),
            models.Index(
                fields=["clinic", "mrn"], name="patient_by_mrn", opclasses=["uuid_ops", "varchar_pattern_ops"]
            ),
            models.Index(fields=["clinic", "birth_date"], name="patient_by_birth_date"),
            # In the list's own order, so that its first page, and that of a search that finds very many, sorts nothing;
            # with all that a search compares, so that it reads nobody whom it does not show.
            models.Index(fields=["clinic", "family_key", "given_key", "id", "mrn"], name="patient_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.family_name}, {self.given_name}"

    @property
    def full_name(self) -> str:
        return f"{self.given_name} {self.family_name}"

    @property
    def age(self) -> int:
        """Completed years today, in the clinic's zone."""
        return self.age_on(timezone.localdate())

    def age_on(self, day: date) -> int:
        """Completed years on `day`."""
        return completed_years(self.birth_date, day)

    @property
    def allows_ai(self) -> bool:
        return self.ai_consent == Consent.GRANTED


def completed_years(born: date, day: date) -> int:
    """The age on `day`."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))
