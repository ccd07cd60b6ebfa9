"""Signing reads. A read is never changed: a correction is a new read, and both show."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import can
from accounts.models import User
from accounts.roles import Capability
from cases.errors import Conflict, Refused, wrong_state
from cases.models import Case, CaseState, Condition, Prediction, Read

READABLE_STATES = (CaseState.WAITING, CaseState.SIGNED)


class ReadConflict(Conflict):
    """Another read was signed since the reader opened the case."""

    def __init__(self, newest: Read) -> None:
        super().__init__(
            _("%(reader)s signed a read of this case in the meantime. Look at it, then sign again.")
            % {"reader": newest.reader}
        )
        self.newest = newest


@transaction.atomic
def sign(
    *,
    case_id: UUID,
    reader: User,
    read_id: UUID,
    condition: Condition,
    certainty: str,
    management: str,
    comment: str = "",
    prediction: Prediction | None = None,
    ai_visible: bool,
    newest_seen: UUID | None,
) -> Read:
    """Signs a read and with it the case.

    Args:
        read_id: made by the client, so that a double click signs once.
        prediction: the AI's opinion that was on the reader's screen, if any.
        newest_seen: the newest read that the reader saw when deciding; None for an unread case.

    Raises:
        Refused: the reader may not sign here, or the case is a draft or withdrawn.
        ReadConflict: somebody signed since.
    """
    # The case's row is the lock between two readers who sign at once.
    case = Case.objects.select_for_update().get(id=case_id)
    if not can(reader, case.clinic_id, Capability.SIGN_READS):
        raise Refused(_("You may not sign reads in this clinic."), code="not_allowed")
    if known := Read.objects.filter(id=read_id).first():
        if known.reader_id == reader.id and known.case_id == case.id:
            return known
        raise Refused(_("This read was signed already. Reload the page."), code="id_taken")
    if case.state not in READABLE_STATES:
        raise wrong_state(case.get_state_display())
    newest = case.reads.select_related("reader").order_by("signed_at", "id").last()
    if newest and newest.id != newest_seen:
        raise ReadConflict(newest)
    if prediction and prediction.image.case_id != case.id:
        raise Refused(_("This AI opinion belongs to another case."), code="wrong_prediction")
    own = case.reads.filter(reader=reader, corrected_by__isnull=True).order_by("signed_at").last()
    read = Read.objects.create(
        id=read_id,
        case=case,
        reader=reader,
        condition=condition,
        certainty=certainty,
        management=management,
        comment=comment.strip(),
        ai_visible=ai_visible,
        prediction=prediction if ai_visible else None,
        corrects=own,
        signed_at=timezone.now(),
    )
    if case.state != CaseState.SIGNED:
        case.state = CaseState.SIGNED
        case.signed_at = read.signed_at
        case.save(update_fields=["state", "signed_at"])
    return read
