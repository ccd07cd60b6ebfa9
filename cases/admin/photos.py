"""Photos in the admin pages: what stands in the record about each, never the picture's editing."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cases import access
from cases.admin.record import ReadOnly, RecordAdmin, by_patient_or_number, clinic_at
from cases.models import LesionImage


@admin.register(LesionImage)
class PhotoAdmin(ReadOnly, RecordAdmin):
    records = access.images
    list_display = ["case", "patient", "kind", "size", "content_type", "created_at", "created_by"]
    list_filter = [clinic_at("case__clinic"), "kind"]
    list_select_related = ["case__lesion__patient", "created_by"]
    search_fields = ["case__number"]
    search_help_text = _("A case's number, or the patient's name, MRN or birth date")
    ordering = ["-id"]
    fields = [
        "case",
        "patient",
        "kind",
        "size",
        "content_type",
        "byte_size",
        "sha256",
        "quality",
        "quality_remarks",
        "pixels_per_mm",
        "scale_set_at",
        "scale_set_by",
        "created_at",
        "created_by",
        "removed_at",
    ]

    @admin.display(description=_("patient"))
    def patient(self, photo: LesionImage) -> str:
        return str(photo.case.lesion.patient)

    @admin.display(description=_("pixels"))
    def size(self, photo: LesionImage) -> str:
        return f"{photo.width} × {photo.height}"

    def search(self, request: HttpRequest, queryset: QuerySet, words: str) -> tuple[QuerySet, bool]:
        return by_patient_or_number(queryset, words, patient="case__lesion__patient", number="case__number"), False
