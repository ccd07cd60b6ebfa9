"""The vocabulary in the admin pages. It is the platform's: the operator edits it, a clinic's people read it."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from cases.access import Person
from cases.models import Condition


@admin.register(Condition)
class ConditionAdmin(admin.ModelAdmin):
    list_display = ["name", "code", "icd10", "malignant", "urgency", "is_offered"]
    list_filter = ["malignant", "urgency", "is_offered"]
    search_fields = ["name", "code", "icd10"]
    ordering = ["name"]

    def rows(self, person: Person) -> QuerySet[Condition]:
        return Condition.objects.all()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Condition | None = None) -> bool:
        return request.user.is_superuser

    def get_readonly_fields(self, request: HttpRequest, obj: Condition | None = None) -> list[str]:
        # Reads, outcomes and model bundles name conditions by code.
        return ["code"] if obj else []
