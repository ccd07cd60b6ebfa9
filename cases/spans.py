"""Spans of time as people say them."""

from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def in_words(span: timedelta) -> str:
    """Rounded down: "40 min", "5 h", "3 days"."""
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes < 60:
        return _("%(number)s min") % {"number": minutes}
    if minutes < 48 * 60:
        return _("%(number)s h") % {"number": minutes // 60}
    days = minutes // (24 * 60)
    return ngettext("%(number)s day", "%(number)s days", days) % {"number": days}
