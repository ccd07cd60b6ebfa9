"""When a claim on a row has run out.

Times are this process's clock. A clock that is set back must not hold a row for ever: a time that lies further ahead
than any it could have been given was written by a clock that ran ahead, and counts as past.
"""

from datetime import datetime, timedelta

from django.db.models import Q

# The clocks of two machines, or of one before and after it was set, may differ by so much without a meaning.
CLOCK_TOLERANCE = timedelta(seconds=60)


def ended(now: datetime, lease: timedelta) -> Q:
    """The rows whose `lease_until`, given as the time of the claim plus `lease`, has passed."""
    return Q(lease_until__lt=now) | Q(lease_until__gt=now + lease + CLOCK_TOLERANCE)


def waits_since(field: str, now: datetime, patience: timedelta) -> Q:
    """The rows that have waited for longer than `patience` since the time in `field`."""
    return Q(**{f"{field}__lt": now - patience}) | Q(**{f"{field}__gt": now + CLOCK_TOLERANCE})
