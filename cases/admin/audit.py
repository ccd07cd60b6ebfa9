"""The audit log in the admin pages, for the operator; a clinic's people see each record's own history with it."""

from auditlog.models import LogEntry
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cases.admin.record import ReadOnly

admin.site.unregister(LogEntry)


@admin.register(LogEntry)
class AuditAdmin(ReadOnly, admin.ModelAdmin):
    """An entry names no clinic, so its rows cannot be a clinic's (no `rows`)."""

    list_display = ["timestamp", "action", "content_type", "object_repr", "actor"]
    list_filter = ["action", ("content_type", admin.RelatedFieldListFilter)]
    list_select_related = ["content_type", "actor"]
    search_fields = ["object_pk"]
    search_help_text = _("A record's id")
    ordering = ["-timestamp", "-id"]
    date_hierarchy = "timestamp"
    fields = ["timestamp", "action", "content_type", "object_pk", "object_repr", "changes", "actor", "remote_addr"]

    def search(self, request: HttpRequest, queryset: QuerySet[LogEntry], words: str) -> tuple[QuerySet, bool]:
        return queryset.filter(object_pk=words.strip()), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
