"""Signing reads. A read is never changed: a correction is a new read, and both show."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import can
from accounts.models import User
from accounts.roles import Capability
from cases.errors import Conflict, Refused, wrong_state
from cases.models import Case, CaseState, Condition, Management, Prediction, PredictionState, Read

READABLE_STATES = (CaseState.WAITING, CaseState.SIGNED)


class ReadConflict(Conflict):
    """Another read was signed since the reader opened the case."""

    def __init__(self, newest: Read) -> None:
        super().__init__(
            _("%(reader)s signed a read of this case in the meantime. Look at it, then sign again.")
            % {"reader": newest.reader}
        )
        self.newest = newest


class OpinionChanged(Conflict):
    """The AI's opinion that the reader saw is no longer the one in the record."""

    def __init__(self) -> None:
        super().__init__(
            _("The AI's opinion was computed again since you opened the case. Look at the new one, then sign again.")
        )


def history(case: Case) -> QuerySet[Read]:
    """The reads of `case` as they were signed, with what a page shows of each."""
    return case.reads.select_related("reader", "condition", "prediction", "corrects", "corrected_by").defer(
        "prediction__maps", "prediction__embedding"
    )


def newest(case: Case) -> Read | None:
    """The read that was signed last, whoever signed it."""
    return case.reads.select_related("reader").order_by("signed_at", "id").last()


def discharge_needs_a_second_look(case: Case, condition: Condition, management: str) -> bool:
    """Whether sending this patient home contradicts the reader's own label or the AI's urgent flag.

    Doors ask once more before they sign such a read: a missed melanoma is the worst that can happen here.
    """
    return management == Management.DISCHARGE and (bool(condition.malignant) or case.flagged_by_ai)


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
    prediction_finished_at: datetime | None = None,
    ai_visible: bool,
    newest_seen: UUID | None,
) -> Read:
    """Signs a read and with it the case.

    Args:
        read_id: made by the client, so that a double click signs once.
        prediction: the AI's opinion that was on the reader's screen, if any.
        prediction_finished_at: when that opinion was computed, as the reader's screen had it; None: not checked.
        newest_seen: the newest read that the reader saw when deciding; None for an unread case.

    Raises:
        Refused: the reader may not sign here, the case is a draft or withdrawn, or the condition is not offered.
        ReadConflict: somebody signed since, or this very reader did with another opinion.
        OpinionChanged: the AI's opinion was computed again since the reader saw it.
    """
    # The case's row is the lock between two readers who sign at once.
    case = Case.objects.select_for_update().get(id=case_id)
    if not can(reader, case.clinic_id, Capability.SIGN_READS):
        raise Refused(_("You may not sign reads in this clinic."), code="not_allowed")
    comment = comment.strip()
    opinion = (condition.pk, certainty, management, comment)
    if known := Read.objects.filter(id=read_id).first():
        return _signed_already(known, case, reader, opinion)
    if case.state not in READABLE_STATES:
        raise wrong_state(case.get_state_display())
    if not condition.is_offered:
        raise Refused(_("This condition is no longer offered. Choose another one."), code="condition_not_offered")
    last = newest(case)
    if last and last.id != newest_seen:
        raise ReadConflict(last)
    seen = _prediction_seen(case, prediction, prediction_finished_at) if prediction and ai_visible else None
    own = case.reads.filter(reader=reader, corrected_by__isnull=True).order_by("signed_at", "id").last()
    signed_at = timezone.now()
    if last and signed_at <= last.signed_at:
        # Servers' clocks differ a little; which read is the newest must not depend on it.
        signed_at = last.signed_at + timedelta(microseconds=1)
    try:
        with transaction.atomic():
            read = Read.objects.create(
                id=read_id,
                case=case,
                reader=reader,
                condition=condition,
                certainty=certainty,
                management=management,
                comment=comment,
                ai_visible=ai_visible,
                prediction=seen,
                corrects=own,
                signed_at=signed_at,
            )
    except IntegrityError:
        # The same id at the same moment in another case, whose lock is not ours.
        if not Read.objects.filter(id=read_id).exists():
            raise
        raise _id_taken() from None
    if case.state != CaseState.SIGNED:
        case.state = CaseState.SIGNED
        case.signed_at = read.signed_at
        case.save(update_fields=["state", "signed_at"])
    return read


def _signed_already(known: Read, case: Case, reader: User, opinion: tuple[str, str, str, str]) -> Read:
    """The read of a request that came twice. The same id with another opinion is no repetition (a page brought
    back by the browser's Back button): to answer "signed" would lose what the reader changed.
    """
    if known.reader_id != reader.id or known.case_id != case.id:
        raise _id_taken()
    if (known.condition_id, known.certainty, known.management, known.comment) != opinion:
        raise ReadConflict(known)
    return known


def _id_taken() -> Refused:
    return Refused(_("This read was signed already. Reload the page."), code="id_taken")


def _prediction_seen(case: Case, prediction: Prediction, finished_at: datetime | None) -> Prediction:
    """The prediction's row, locked, if it still says what the reader saw."""
    current = (
        Prediction.objects.select_for_update(of=("self",))
        .select_related("image")
        .defer("maps", "embedding")
        .get(id=prediction.id)
    )
    if current.image.case_id != case.id:
        raise Refused(_("This AI opinion belongs to another case."), code="wrong_prediction")
    if current.state != PredictionState.DONE or (finished_at and current.finished_at != finished_at):
        raise OpinionChanged
    return current
