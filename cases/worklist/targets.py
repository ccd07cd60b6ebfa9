"""How soon a clinic wants a case read, and how much of that time is left.

It runs on while staff take new photos: a patient waits all the same. When the case comes back it begins anew, for its
reader can do nothing about the days before. So a target counts from when the case was last sent (`Case.waiting_since`),
here, on the start page and in the figures; how long the patient waited in all is the figures' turnaround.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Clinic
from cases import spans
from cases.models import Case, CaseState, Urgency
from cases.models.case import UNREAD_STATES

# From this share of the target on, a case counts as near its end.
NEAR = 0.25


@dataclass(frozen=True)
class TimeLeft:
    """Of a case that waits: `left` is negative when the target has passed."""

    due_at: datetime
    left: timedelta
    target: timedelta

    @property
    def is_over(self) -> bool:
        return self.left < timedelta(0)

    @property
    def is_near(self) -> bool:
        return not self.is_over and self.left < self.target * NEAR

    def __str__(self) -> str:
        if self.is_over:
            return _("%(span)s\u00a0over") % {"span": spans.in_words(-self.left)}
        return _("%(span)s\u00a0left") % {"span": spans.in_words(self.left)}


def target(clinic: Clinic, urgency: int) -> timedelta:
    hours = {
        Urgency.URGENT: clinic.target_hours_urgent,
        Urgency.SOON: clinic.target_hours_soon,
        Urgency.ROUTINE: clinic.target_hours_routine,
    }
    return timedelta(hours=hours[Urgency(urgency)])


def time_left(case: Case) -> TimeLeft | None:
    """Of a case that waits for a reader or for new photos; None for any other. Needs `case.clinic`."""
    if case.state not in UNREAD_STATES or case.waiting_since is None:
        return None
    span = target(case.clinic, case.urgency)
    due_at = case.waiting_since + span
    return TimeLeft(due_at, due_at - timezone.now(), span)


def passed(clinic: Clinic, share: float = 1) -> Q:
    """The cases that have waited longer than `share` of the clinic's target, as a filter on cases of any state."""
    now, late = timezone.now(), Q()
    for tier in Urgency:
        late |= Q(urgency=tier, waiting_since__lt=now - target(clinic, tier) * share)
    return late


def kept(clinic: Clinic) -> Q:
    """The cases that were signed within the clinic's target, as a filter on signed cases."""
    in_time = Q()
    for tier in Urgency:
        in_time |= Q(urgency=tier, signed_at__lte=F("waiting_since") + target(clinic, tier))
    return in_time


def overdue(clinic: Clinic) -> QuerySet[Case]:
    """The clinic's cases, with the doctors or back with staff, whose target has passed."""
    return Case.objects.filter(passed(clinic), clinic=clinic, state__in=UNREAD_STATES)


def nearly_due(clinic: Clinic) -> QuerySet[Case]:
    """The clinic's cases that wait for a doctor and whose target is near and has not passed."""
    waiting = Case.objects.filter(clinic=clinic, state=CaseState.WAITING)
    return waiting.filter(passed(clinic, 1 - NEAR)).exclude(passed(clinic))


def photos_due(clinic: Clinic) -> QuerySet[Case]:
    """The clinic's cases that wait for new photos and whose target is near or has passed; routine ones once it has."""
    wanted = Case.objects.filter(clinic=clinic, state=CaseState.PHOTOS_WANTED)
    return wanted.filter(passed(clinic) | passed(clinic, 1 - NEAR) & ~Q(urgency=Urgency.ROUTINE))
