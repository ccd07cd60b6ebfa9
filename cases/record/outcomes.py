"""Recording what the biopsy found."""

from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import can
from accounts.models import User
from accounts.roles import Capability
from cases.errors import Conflict, Refused, wrong_state
from cases.models import Case, CaseState, Condition, NotificationKind, Outcome, OutcomeVersion
from cases.notifications import telling


@transaction.atomic
def record(
    *,
    case_id: UUID,
    by: User,
    condition: Condition,
    reported_on: date,
    pathology_reference: str = "",
    comment: str = "",
    replaces: datetime | None = None,
) -> Outcome:
    """Records, or corrects, the biopsy's result of a signed case; what stood before is kept.

    Either amends the case's report, which somebody may have been given.

    Args:
        replaces: when the result that the writer saw was recorded; None where there was none.

    Raises:
        Refused: the writer may not record here, the case is not signed yet, or the report's date lies ahead.
        Conflict: somebody recorded another result in the meantime.
    """
    case = Case.objects.select_for_update().get(id=case_id)
    if not can(by, case.clinic_id, Capability.RECORD_OUTCOMES):
        raise Refused(_("You may not record outcomes in this clinic."), code="not_allowed")
    if case.state != CaseState.SIGNED:
        raise wrong_state(case.get_state_display())
    if reported_on > timezone.localdate():
        raise Refused(_("The report's date lies in the future."), code="reported_on")
    fields = {
        "condition": condition,
        "reported_on": reported_on,
        "pathology_reference": pathology_reference.strip(),
        "comment": comment.strip(),
    }
    known = Outcome.objects.filter(case=case).select_related("recorded_by").first()
    if known and all(getattr(known, name) == value for name, value in fields.items()):
        return known  # a double click, or nothing to correct
    if known and known.recorded_at != replaces:
        raise Conflict(
            _("%(writer)s recorded a result in the meantime. Look at it, then record yours.")
            % {"writer": known.recorded_by}
        )
    outcome = known or Outcome(case=case)
    for name, value in fields.items():
        setattr(outcome, name, value)
    assert case.signed_at
    # Servers' clocks differ a little; that it came after the signing must not depend on it.
    outcome.recorded_by, outcome.recorded_at = by, max(timezone.now(), case.signed_at + timedelta(microseconds=1))
    outcome.save()
    version = OutcomeVersion.objects.create(case=case, recorded_by=by, recorded_at=outcome.recorded_at, **fields)
    telling.notify(NotificationKind.REPORT_AMENDED, case=case, occasion=version.pk)
    readers = User.objects.filter(id__in=case.reads.values("reader"))
    # A corrected result is news again where it names another condition.
    telling.notify(NotificationKind.OUTCOME_KNOWN, case=case, people=readers, occasion=condition.pk)
    return outcome
