"""Reads and outcomes in the admin pages: looked up, never written. Doctors write them on the case's page."""

from typing import Any

from auditlog.models import LogEntry
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cases import access, blinding
from cases.admin.record import ReadOnly, RecordAdmin, by_patient_or_number, clinic_at, without
from cases.models import Outcome, Read


@admin.register(Read)
class ReadAdmin(ReadOnly, RecordAdmin):
    records = access.reads
    list_display = ["case", "patient", "condition", "certainty", "management", "signed_by", "ai_visible", "signed_at"]
    list_filter = [clinic_at("case__clinic"), "certainty", "management", "ai_visible"]
    list_select_related = ["case__lesion__patient", "condition", "reader"]
    search_fields = ["case__number"]
    search_help_text = _("A case's number, or the patient's name, MRN or birth date")
    ordering = ["-id"]
    fields = [
        "case",
        "patient",
        "signed_by",
        "signed_at",
        "condition",
        "certainty",
        "management",
        "comment",
        "ai_visible",
        "prediction",
        "corrects",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).annotate(names_are_hidden=blinding.names_hidden_here(request.user))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # Django lets any field of the row itself be asked for in the address; by reader, it would name whom it finds.
        return lookup.split("__")[0] not in ("reader", "reader_id") and super().lookup_allowed(lookup, value, request)

    def hide(self, entry: LogEntry, record: Any, person: access.Person) -> None:
        entry.unnamed = record.names_are_hidden
        if entry.unnamed:
            without(entry, ["reader"])

    # Not to be sorted by: which of the two reads of a case comes first would tell whose it is.
    @admin.display(description=_("reader"))
    def signed_by(self, read: Any) -> str | None:
        return None if read.names_are_hidden else str(read.reader)

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
