"""What has waited longer than the clinic wants is told to those who can move it."""

from django.db.models import Exists, OuterRef

from accounts.models import Clinic
from cases import notifications, targets
from cases.models import Notification, NotificationKind

# Of a list that nobody has looked at for weeks, each sweep tells of so many cases.
BATCH = 100


def sweep() -> int:
    """Tells each clinic's leads once of every waiting case whose target has passed; returns of how many."""
    # Since it waits: a case that came back with new photos is late anew.
    told = Notification.objects.filter(
        case=OuterRef("pk"), kind=NotificationKind.OVERDUE, created_at__gte=OuterRef("waiting_since")
    )
    number = 0
    for clinic in Clinic.objects.all():
        for case in targets.overdue(clinic).filter(~Exists(told)).order_by("urgency", "waiting_since")[:BATCH]:
            notifications.notify(NotificationKind.OVERDUE, case=case, occasion=f"{case.waiting_since:%Y%m%d%H%M%S}")
            number += 1
    return number
