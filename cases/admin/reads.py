"""Reads and outcomes in the admin pages: looked up, never written. Doctors write them on the case's page."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cases import access
from cases.admin.record import ReadOnly, RecordAdmin, by_patient_or_number, clinic_at
from cases.models import Outcome, Read


@admin.register(Read)
class ReadAdmin(ReadOnly, RecordAdmin):
    records = access.reads
    list_display = ["case", "patient", "condition", "certainty", "management", "reader", "ai_visible", "signed_at"]
    list_filter = [clinic_at("case__clinic"), "certainty", "management", "ai_visible"]
    list_select_related = ["case__lesion__patient", "condition", "reader"]
    search_fields = ["case__number"]
    search_help_text = _("A case's number, or the patient's name, MRN or birth date")
    ordering = ["-id"]
    fields = [
        "case",
        "patient",
        "reader",
        "signed_at",
        "condition",
        "certainty",
        "management",
        "comment",
        "ai_visible",
        "prediction",
        "corrects",
    ]

    @admin.display(description=_("patient"))
    def patient(self, read: Read) -> str:
        return str(read.case.lesion.patient)

    def search(self, request: HttpRequest, queryset: QuerySet, words: str) -> tuple[QuerySet, bool]:
        return by_patient_or_number(queryset, words, patient="case__lesion__patient", number="case__number"), False


@admin.register(Outcome)
class OutcomeAdmin(ReadOnly, RecordAdmin):
    records = access.outcomes
    list_display = ["case", "patient", "condition", "reported_on", "pathology_reference", "recorded_by", "recorded_at"]
    list_filter = [clinic_at("case__clinic")]
    list_select_related = ["case__lesion__patient", "condition", "recorded_by"]
    search_fields = ["case__number"]
    search_help_text = _("A case's number, or the patient's name, MRN or birth date")
    ordering = ["-id"]
    fields = [
        "case",
        "patient",
        "condition",
        "reported_on",
        "pathology_reference",
        "comment",
        "recorded_at",
        "recorded_by",
    ]

    @admin.display(description=_("patient"))
    def patient(self, outcome: Outcome) -> str:
        return str(outcome.case.lesion.patient)

    def search(self, request: HttpRequest, queryset: QuerySet, words: str) -> tuple[QuerySet, bool]:
        return by_patient_or_number(queryset, words, patient="case__lesion__patient", number="case__number"), False
