"""Recording what the biopsy found."""

from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from cases.errors import Refused, wrong_state
from cases.models import Case, CaseState, Condition, Outcome


@transaction.atomic
def record(
    *,
    case_id: UUID,
    by: User,
    condition: Condition,
    reported_on: date,
    pathology_reference: str = "",
    comment: str = "",
) -> Outcome:
    """Records, or corrects, the biopsy's result of a signed case; the audit log keeps what stood before.

    Raises:
        Refused: the case is not signed yet, or the report's date lies ahead.
    """
    case = Case.objects.select_for_update().get(id=case_id)
    if case.state != CaseState.SIGNED:
        raise wrong_state(case.get_state_display())
    if reported_on > timezone.localdate():
        raise Refused(_("The report's date lies in the future."), code="reported_on")
    outcome, _created = Outcome.objects.update_or_create(
        case=case,
        defaults={
            "condition": condition,
            "reported_on": reported_on,
            "pathology_reference": pathology_reference.strip(),
            "comment": comment.strip(),
            "recorded_by": by,
            "recorded_at": timezone.now(),
        },
    )
    return outcome
