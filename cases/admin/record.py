"""What the admin classes of the clinical record share."""

from collections.abc import Callable, Iterable
from typing import Any, cast

from auditlog.models import LogEntry
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.access import clinic_ids
from accounts.audit_history import AuditHistory
from accounts.models import Clinic, User
from accounts.roles import Capability
from cases.access import Person
from cases.models import Patient
from cases.record import patients


class RecordAdmin(AuditHistory):
    """Rows of the clinics that the person runs. Records are logged in the pages, not here, and nothing is deleted."""

    records: Callable[..., QuerySet]

    def rows(self, person: Person) -> QuerySet:
        return type(self).records(person, Capability.OPEN_ADMIN)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = super().get_list_display(request)
        # Where there is one clinic, a column that says so in every row says nothing.
        several = request.user.is_superuser or len(clinic_ids(request.user, Capability.OPEN_ADMIN)) > 1
        return [name for name in shown if several or name != "clinic"]


def without(entry: LogEntry, names: Iterable[str]) -> None:
    """Takes what happened to the fields `names` out of an entry that is to be shown."""
    entry.changes = {name: change for name, change in (entry.changes or {}).items() if name not in set(names)}


class ReadOnly:
    """Shown and never changed here."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class OwnClinicFilter(admin.SimpleListFilter):
    """Clinics to choose from, where there is more than one: a person's own, and all for the operator."""

    title = _("clinic")
    parameter_name = "clinic"
    path = "clinic"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        if request.user.is_superuser:
            return [(str(clinic.id), clinic.name) for clinic in Clinic.objects.all()[:100]]
        held = {membership.clinic for membership in cast(User, request.user).held_memberships}
        return [(str(clinic.id), clinic.name) for clinic in held] if len(held) > 1 else []

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        # Only what was offered is taken: anything else in the address is no clinic of this person.
        if self.value() not in dict(self.lookup_choices):
            return queryset
        return queryset.filter(**{self.path: self.value()})


def clinic_at(lookup: str) -> type[OwnClinicFilter]:
    """The filter for a model that reaches its clinic by `lookup`."""
    return type("ClinicFilter", (OwnClinicFilter,), {"path": lookup})


def by_patient_or_number(queryset: QuerySet, words: str, *, patient: str, number: str | None) -> QuerySet:
    """Rows whose case has that number, else whose patient matches by name, MRN or birth date, on the indexes."""
    digits = words.lower().removeprefix("case").strip()
    if number and digits.isdecimal() and len(digits) < 10:
        by_number = queryset.filter(**{number: int(digits)})
        if by_number.exists():
            return by_number
    return queryset.filter(**{f"{patient}__in": patients.search(Patient.objects.all(), words)})
