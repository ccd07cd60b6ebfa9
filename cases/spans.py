"""Spans of time as people say them."""

from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def in_words(span: timedelta) -> str:
    """Rounded down: "40 min", "5 h", "3 days"; a line never breaks between number and unit."""
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes < 60:
        return _("%(number)s\u00a0min") % {"number": minutes}
    if minutes < 48 * 60:
        return _("%(number)s\u00a0h") % {"number": minutes // 60}
    days = minutes // (24 * 60)
    return ngettext("%(number)s\u00a0day", "%(number)s\u00a0days", days) % {"number": days}
