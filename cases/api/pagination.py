"""Pages that stay the same while rows arrive, and cost the same at a million rows."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class NewestFirst(CursorPagination):
    """By keyset, never by OFFSET or COUNT. Ids begin with their time (UUIDv7), so the newest id is the newest row."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = "-id"

    def get_ordering(self, request: Request, queryset: QuerySet, view: Any) -> tuple[str, ...]:
        return getattr(view, "cursor_ordering", ("-id",))

    def decode_cursor(self, request: Request) -> Any:
        cursor = super().decode_cursor(request)
        if cursor and "\x00" in str(cursor.position):
            raise NotFound(self.invalid_cursor_message)  # PostgreSQL takes no such text
        return cursor

    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet, request: Request, view: Any = None
    ) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValidationError, ValueError, OverflowError):
            # A cursor that was not made here decodes to a position that is neither a time nor an id.
            raise NotFound(self.invalid_cursor_message) from None
