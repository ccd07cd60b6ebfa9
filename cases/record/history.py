"""Who changed a record last; read from the audit log."""

from collections.abc import Iterable

from auditlog.models import LogEntry
from django.db.models import Model


def latest(record: Model, fields: Iterable[str]) -> LogEntry | None:
    """The newest entry about any of the `fields` of `record` (`.actor` is a person or None, `.timestamp`).

    Not simply the newest: whoever signs a read moves the case on, and is not who changed an answer.
    """
    entries = LogEntry.objects.get_for_object(record).filter(changes__has_any_keys=list(fields))
    return entries.select_related("actor").order_by("-timestamp", "-id").first()
