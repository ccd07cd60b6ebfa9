"""Cases in the admin pages: looked up, and corrected while they are open."""

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cases import access
from cases.admin.record import RecordAdmin, by_patient_or_number, clinic_at
from cases.models import Case
from cases.record import lifecycle

EDITABLE = ("requested_urgency", *Case.QUESTIONS, "note")


@admin.register(Case)
class CaseAdmin(RecordAdmin):
    records = access.cases
    list_display = ["reference", "patient", "lesion", "state", "urgency", "waiting_since", "created_at", "clinic"]
    list_filter = [clinic_at("clinic"), "state", "urgency", "flagged_by_ai"]
    list_select_related = ["clinic", "lesion__patient"]
    search_fields = ["number"]
    search_help_text = _("A case's number, or the patient's name, MRN or birth date")
    ordering = ["-created_at", "-id"]
    fieldsets = [
        (None, {"fields": ["reference", "clinic", "patient", "lesion", ("state", "withdrawn_reason")]}),
        (_("Urgency"), {"fields": [("requested_urgency", "flagged_by_ai", "urgency")]}),
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

    @admin.display(description=_("case"), ordering="number")
    def reference(self, case: Case) -> str:
        return case.reference

    @admin.display(description=_("patient"))
    def patient(self, case: Case) -> str:
        return str(case.lesion.patient)

    def search(self, request: HttpRequest, queryset: QuerySet, words: str) -> tuple[QuerySet, bool]:
        return by_patient_or_number(queryset, words, patient="lesion__patient", number="number"), False

    def has_change_permission(self, request: HttpRequest, obj: Case | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.is_open)

    def save_model(self, request: HttpRequest, obj: Case, form: forms.ModelForm, change: bool) -> None:
        lifecycle.change(obj.id, **{name: form.cleaned_data[name] for name in EDITABLE if name in form.changed_data})
