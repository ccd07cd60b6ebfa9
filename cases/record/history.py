"""Who changed a record last; read from the audit log."""

from auditlog.models import LogEntry
from django.db.models import Model


def latest(record: Model) -> LogEntry | None:
    """The newest entry about `record` (`.actor` is a person or None, `.timestamp`)."""
    return LogEntry.objects.get_for_object(record).select_related("actor").order_by("-timestamp", "-id").first()
