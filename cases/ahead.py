"""What a browser fetches ahead of its reader: it may read the record, and must change nothing in it."""

from django.http import HttpRequest


def is_fetched_ahead(request: HttpRequest) -> bool:
    """Whether nobody has opened this yet: browsers mark so what a page only announces (prefetch, speculation rules)."""
    return request.headers.get("Sec-Purpose", "").startswith("prefetch")
