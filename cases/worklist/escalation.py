"""What has waited nearly, or longer than, as long as the clinic wants is told to those who can move it."""

from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import Clinic
from cases.models import Case, Notification, NotificationKind, Urgency
from cases.notifications import telling
from cases.worklist import targets

# Of a list that nobody has looked at for weeks, each sweep tells of so many cases.
BATCH = 100


def sweep() -> int:
    """Tells once of every waiting case: its doctors when little time is left, the leads when none is.

    Of one that is back for new photos staff are told in place of the doctors.

    Returns of how many. Of routine cases with little time left the worklist alone tells, by colour and words: days
    are left, and every doctor would hear of each.
    """
    number = 0
    for clinic in Clinic.objects.all():
        number += _tell(NotificationKind.OVERDUE, targets.overdue(clinic))
        number += _tell(NotificationKind.DUE_SOON, targets.nearly_due(clinic).exclude(urgency=Urgency.ROUTINE))
        number += _tell(NotificationKind.PHOTOS_DUE, targets.photos_due(clinic))
    return number


def _tell(kind: NotificationKind, found: QuerySet[Case]) -> int:
    # Since it waits: a case that came back with new photos is late anew.
    told = Notification.objects.filter(case=OuterRef("pk"), kind=kind, created_at__gte=OuterRef("waiting_since"))
    cases = list(found.filter(~Exists(told)).order_by("urgency", "waiting_since")[:BATCH])
    for case in cases:
        if kind == NotificationKind.OVERDUE:
            telling.settle(NotificationKind.DUE_SOON, case)
        telling.notify(kind, case=case, occasion=f"{case.waiting_since:%Y%m%d%H%M%S}")
    return len(cases)
