"""When today began."""

import zoneinfo
from datetime import datetime, time

from django.utils import timezone

from accounts.models import Clinic


def midnight(clinic: Clinic) -> datetime:
    """The start of today by the clinic's clock."""
    zone = zoneinfo.ZoneInfo(clinic.time_zone)
    return datetime.combine(timezone.localdate(timezone=zone), time.min, zone)
