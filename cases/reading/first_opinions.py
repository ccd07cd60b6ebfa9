"""A reader's first opinion, committed before the AI's is shown. Both stay: so the AI's influence can be measured."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.access import can
from accounts.models import User
from accounts.roles import Capability
from cases import blinding
from cases.errors import Refused, wrong_state
from cases.models import Case, CaseState, Condition, FirstOpinion
from cases.reading import stamps


def of(case: Case, reader: User) -> FirstOpinion | None:
    """What `reader` has committed about the case with the photos that it has now."""
    return blinding.first_opinion(reader, case.pk).select_related("condition").first()


@transaction.atomic
def commit(
    *, case_id: UUID, reader: User, condition: Condition, certainty: str, management: str, case_seen: str = ""
) -> FirstOpinion:
    """Keeps what `reader` thinks before they see the AI; from now on it is shown to them. A repetition changes nothing.

    When photos have come since an earlier one, it is another opinion. The AI is not revealed on photos that the reader
    has not seen: `case_seen` is the stamp of the case as they saw it (cases/reading/stamps.py); empty: not checked.

    Raises:
        Refused: the reader may not sign here, the case waits for no read, or the condition is not offered.
        stamps.CaseChanged: answers or photos were changed since the reader saw them.
    """
    case = Case.objects.select_for_update().get(id=case_id)
    if not can(reader, case.clinic_id, Capability.SIGN_READS):
        raise Refused(_("You may not sign reads in this clinic."), code="not_allowed")
    if known := of(case, reader):
        return known
    if case.state != CaseState.WAITING:
        raise wrong_state(case.get_state_display())
    if not condition.is_offered:
        raise Refused(_("This condition is no longer offered. Choose another one."), code="condition_not_offered")
    stamps.check(case, case_seen, signing=False)
    Case.objects.filter(id=case.id).update(has_first_opinion=True)
    return FirstOpinion.objects.create(
        case=case,
        reader=reader,
        condition=condition,
        certainty=certainty,
        management=management,
        newest_photo=case.images.filter(removed_at__isnull=True).order_by("created_at", "id").last(),
    )
