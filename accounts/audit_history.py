"""The "History" pages of the admin: the audit log, which knows every door's changes."""

from typing import Any, cast

from auditlog.mixins import AuditlogHistoryAdminMixin
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.template.response import TemplateResponse


class AuditHistory(AuditlogHistoryAdminMixin, admin.ModelAdmin):
    auditlog_history_template = "admin/audit_history.html"

    def hide(self, entry: Any, record: Any, person: Any) -> None:
        """Takes out of an entry about `record` what `person` may not see now; `entry.unnamed` hides who it was.

        An entry of which nothing is left is not shown.
        """

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        return self.auditlog_history_view(request, object_id, extra_context)

    def auditlog_history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        answer = cast(TemplateResponse, super().auditlog_history_view(request, object_id, extra_context))
        kind = ContentType.objects.get_for_model(self.model)
        told = answer.context_data or {}
        page = told["log_entries"]
        entries = list(page)
        for entry in entries:
            entry.content_type = kind  # known of all of them, or each would ask for it by itself
            said_something = bool(entry.changes)
            self.hide(entry, told["object"], request.user)
            entry.says_nothing = said_something and not entry.changes
        # That something happened then tells, too.
        page.object_list = [entry for entry in entries if not entry.says_nothing]
        return answer
