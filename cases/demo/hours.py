"""When people in the invented clinic work: on weekdays from eight to five, by the clinic's clock."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts.models import Clinic

OPENS, CLOSES = 8, 17
# Nobody begins something in the last hours that others are still to do the same day.
LAST_VISIT = 15


def later(moment: datetime, hours: float, clinic: Clinic) -> datetime:
    """When somebody got round to it who meant to in so many hours: in working hours, and before now."""
    found = _opening(moment + timedelta(hours=hours), clinic)
    # What came yesterday evening was not left for this afternoon.
    return found if found < timezone.now() else moment + timedelta(minutes=17)


def latest_in_hours(moment: datetime, clinic: Clinic) -> datetime:
    """`moment`, or the last one before it at which a patient could have come."""
    local = moment.astimezone(ZoneInfo(clinic.time_zone))
    if local.hour >= LAST_VISIT:
        local = _at(local, LAST_VISIT - 1 - local.minute % 5)
    elif local.hour < OPENS:
        local = _at(local - timedelta(days=1), LAST_VISIT - 1 - local.minute % 5)
    while local.weekday() >= 5:
        local -= timedelta(days=1)
    return local


def _opening(moment: datetime, clinic: Clinic) -> datetime:
    """`moment`, or the morning after it, if it falls into the night or on a weekend."""
    local = moment.astimezone(ZoneInfo(clinic.time_zone))
    if local.hour >= CLOSES:
        local = _at(local + timedelta(days=1), OPENS + local.minute % 3)
    elif local.hour < OPENS:
        local = _at(local, OPENS + local.minute % 3)
    while local.weekday() >= 5:
        local += timedelta(days=1)
    return local


def _at(local: datetime, hour: int) -> datetime:
    return local.replace(hour=hour)
