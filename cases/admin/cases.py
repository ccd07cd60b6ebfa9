"""Cases in the admin pages: looked up, and corrected while they are open."""

from typing import Any

from auditlog.models import LogEntry
from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cases import access, blinding
from cases.admin.record import RecordAdmin, by_patient_or_number, clinic_at, without
from cases.models import Case
from cases.record import lifecycle

# What each of both tells of the AI's opinion to whom it is hidden (cases/blinding.py), with the urgency beside it.
TELLING = ("requested_urgency", "flagged_by_ai")
EDITABLE = ("requested_urgency", *Case.QUESTIONS, "note")


class FlaggedFilter(admin.SimpleListFilter):
    title = _("flagged urgent by the AI")
    parameter_name = "flagged"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", str(_("Yes"))), ("no", str(_("No")))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() not in ("yes", "no"):
            return queryset
        shown = blinding.showing_ai(request.user, queryset, states=request.GET.getlist("state__exact"))
        return shown.filter(flagged_by_ai=self.value() == "yes")


@admin.register(Case)
class CaseAdmin(RecordAdmin):
    records = access.cases
    list_display = ["reference", "patient", "lesion", "state", "urgency", "waiting_since", "created_at", "clinic"]
    list_filter = [clinic_at("clinic"), "state", "urgency", FlaggedFilter]
    list_select_related = ["clinic", "lesion__patient"]
    search_fields = ["number"]
    search_help_text = _("A case's number, or the patient's name, MRN or birth date")
    ordering = ["-created_at", "-id"]
    fieldsets = [
        (None, {"fields": ["reference", "clinic", "patient", "lesion", ("state", "withdrawn_reason")]}),
        (_("Urgency"), {"fields": [(*TELLING, "urgency")]}),
        (_("Answers"), {"fields": [*Case.QUESTIONS, "note"]}),
        (_("Course"), {"fields": [("created_at", "created_by"), "waiting_since", "signed_at"]}),
    ]
    readonly_fields = [
        "reference",
        "clinic",
        "patient",
        "lesion",
        "state",
        "withdrawn_reason",
        "flagged_by_ai",
        "urgency",
        "created_at",
        "created_by",
        "waiting_since",
        "signed_at",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        found, person = super().get_queryset(request), request.user
        return found.annotate(
            ai_is_hidden=blinding.ai_hidden_here(person),
            reads_are_hidden=blinding.reads_hidden_here(person),
            names_are_hidden=blinding.names_hidden_here(person, "pk"),
        )

    def hide(self, entry: LogEntry, record: Any, person: access.Person) -> None:
        if record.ai_is_hidden:
            # A rise of the urgency by the system is the AI's flag; what it is now stands in the record.
            without(entry, [*TELLING, "urgency"])
        if record.reads_are_hidden:
            without(entry, ["second_read_reason"])
        # Whoever signs a read moves the case to its next stage.
        entry.unnamed = "read_stage" in (entry.changes or {}) and (record.names_are_hidden or record.reads_are_hidden)

    @admin.display(description=_("case"), ordering="number")
    def reference(self, case: Case) -> str:
        return case.reference

    @admin.display(description=_("patient"))
    def patient(self, case: Case) -> str:
        return str(case.lesion.patient)

    def search(self, request: HttpRequest, queryset: QuerySet, words: str) -> tuple[QuerySet, bool]:
        return by_patient_or_number(queryset, words, patient="lesion__patient", number="number"), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # Django lets any field of the row itself be asked for in the address.
        return lookup.split("__")[0] not in TELLING and super().lookup_allowed(lookup, value, request)

    def get_fieldsets(self, request: HttpRequest, obj: Case | None = None) -> Any:
        shown = super().get_fieldsets(request, obj)
        if obj is None or not obj.ai_is_hidden:  # type: ignore[attr-defined]  # set by `get_queryset`
            return shown
        return [(name, {"fields": ["urgency"]} if name == _("Urgency") else part) for name, part in shown]

    def has_change_permission(self, request: HttpRequest, obj: Case | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.is_open)

    def save_model(self, request: HttpRequest, obj: Case, form: forms.ModelForm, change: bool) -> None:
        lifecycle.change(obj.id, **{name: form.cleaned_data[name] for name in EDITABLE if name in form.changed_data})
