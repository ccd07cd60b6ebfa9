"""Signing reads. A read is never changed: a correction is a new read, and both show.

A case is signed when its last read is: one, two that agree, or two that a lead has settled.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet, TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import can
from accounts.models import Clinic, User
from accounts.roles import Capability
from cases import blinding
from cases.errors import Conflict, Refused, wrong_state
from cases.models import (
    Case,
    CaseState,
    Condition,
    Management,
    Prediction,
    PredictionState,
    Read,
    ReadKind,
    ReadStage,
    TakenBack,
    Urgency,
)
from cases.models.read import UNDO_LASTS
from cases.notifications import telling
from cases.prediction import flags
from cases.reading import drafts, first_opinions, questions, reservations, second_reads, stamps
from cases.worklist import readable

READABLE_STATES = (CaseState.WAITING, CaseState.SIGNED)


class ReadConflict(Conflict):
    """Another read was signed since the reader opened the case."""

    def __init__(self, newest: Read, *, unnamed: bool = False) -> None:
        if unnamed:
            super().__init__(_("A read of this case was signed in the meantime. Look at it, then sign again."))
        else:
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


def with_what_a_page_shows(found: QuerySet[Read]) -> QuerySet[Read]:
    """Reads as they were signed, with what a page shows of each."""
    return (
        found.select_related(
            "reader", "condition", "prediction", "corrects", "corrected_by", "first_opinion__condition"
        )
        .defer("prediction__maps", "prediction__embedding")
        .order_by("signed_at", "id")
    )


def history(case: Case) -> QuerySet[Read]:
    return with_what_a_page_shows(case.reads.all())


def newest(case: Case) -> Read | None:
    """The read that was signed last, whoever signed it."""
    return case.reads.select_related("reader").order_by("signed_at", "id").last()


class Doubt(TextChoices):
    """Why a discharge is asked about once more."""

    FLAGGED = "flagged", _("The AI flagged this case as urgent, and you chose discharge.")
    MALIGNANT = "malignant", _("You chose a malignant condition, and discharge.")
    URGENT = "urgent", _("This case is marked urgent, and you chose discharge.")


def doubt(reader: User, case: Case, condition: Condition, management: str) -> Doubt | None:
    """Why sending this patient home contradicts the reader's own label or the urgent flag; None where it does not.

    Doors ask once more before they sign such a read: a missed melanoma is the worst that can happen here. A reader from
    whom the AI's opinion is hidden is asked of every urgent case alike: the question does not tell who raised it.
    """
    if management != Management.DISCHARGE:
        return None
    hidden = blinding.hides_ai(reader, case)
    if not hidden and flags.is_urgent_to_the_ai(case):
        return Doubt.FLAGGED
    if condition.malignant:
        return Doubt.MALIGNANT
    return Doubt.URGENT if hidden and case.urgency == Urgency.URGENT else None


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
    case_seen: str = "",
) -> Read:
    """Signs a read, and with it the case if no further read is wanted (cases/reading/second_reads.py).

    Args:
        read_id: made by the client, so that a double click signs once.
        prediction: the AI's opinion that was on the reader's screen, if any.
        prediction_finished_at: when that opinion was computed, as the reader's screen had it; None: not checked.
        ai_visible: whether an opinion was on the screen; never true for a reader from whom it is hidden.
        newest_seen: the newest read that the reader saw when deciding; None for an unread case.
        case_seen: the stamp (cases/reading/stamps.py) of the case as the reader saw it; empty: not checked.

    Raises:
        Refused: the reader may not sign here, the case is a draft or withdrawn, or the condition is not offered.
        ReadConflict: somebody signed since, or this very reader did with another opinion.
        stamps.CaseChanged: answers or photos were changed since the reader saw them.
        OpinionChanged: the AI's opinion was computed again since the reader saw it.
    """
    # The case's row is the lock between two readers who sign at once.
    case = Case.objects.select_for_update(of=("self",)).select_related("clinic").get(id=case_id)
    if not can(reader, case.clinic_id, Capability.SIGN_READS):
        raise Refused(_("You may not sign reads in this clinic."), code="not_allowed")
    comment = comment.strip()
    opinion = (condition.pk, certainty, management, comment)
    if known := Read.every.filter(id=read_id).first():
        return _signed_already(known, case, reader, opinion)
    if case.state not in READABLE_STATES:
        raise wrong_state(case.get_state_display())
    if not condition.is_offered:
        raise Refused(_("This condition is no longer offered. Choose another one."), code="condition_not_offered")
    own = case.reads.filter(reader=reader, corrected_by__isnull=True).order_by("signed_at", "id").last()
    kind = _kind(case, reader, own)
    last = newest(case)
    # A second reader is blind to the first one's read, and cannot have seen it.
    if last and last.id != newest_seen and kind != ReadKind.SECOND:
        raise ReadConflict(last, unnamed=blinding.hides_names(reader, case, case.reads.all()))
    stamps.check(case, case_seen, signing=True)
    ai_visible = ai_visible and not blinding.hides_ai(reader, case)
    seen = _prediction_seen(case, prediction, prediction_finished_at) if prediction and ai_visible else None
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
                kind=kind,
                first_opinion=first_opinions.of(case, reader),
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
        if not Read.every.filter(id=read_id).exists():
            raise
        raise _id_taken() from None
    drafts.discard(case, reader)
    reservations.release(case, reader)
    signed_before = case.state == CaseState.SIGNED
    _move_on(case, read)
    telling.read_signed(case, read, signed_before=signed_before, after=UNDO_LASTS)
    return read


def _kind(case: Case, reader: User, own: Read | None) -> ReadKind:
    """What a read by `reader` is in the case's present stage.

    Raises:
        Refused: a disagreement waits for somebody who may settle it, or a trainee's read for one who is no trainee.
    """
    if case.state == CaseState.SIGNED:
        if may_settle_question(case, reader, case.reads.all()):
            return ReadKind.ARBITRATION
        return ReadKind.CORRECTION if own else ReadKind.ADDITIONAL
    settles = case.read_stage == ReadStage.ARBITRATION
    may_settle = settles and can(reader, case.clinic_id, Capability.ARBITRATE)
    if own and not (may_settle and readable.is_left_to_its_readers(case)):
        return ReadKind.CORRECTION
    if settles and not may_settle:
        raise Refused(_("Two readers disagree on this case. A lead decides."), code="arbitration")
    if second_reads.is_closed_to(reader, case):
        raise Refused(
            _("A reader in training has read this case. The second read is for a doctor who is not in training."),
            code="in_training",
        )
    return ReadKind(case.read_stage)


def may_settle_question(case: Case, reader: User, signed: Iterable[Read]) -> bool:
    """Whether `reader`'s read would settle what puts the signed `case` in question; `signed` are its reads.

    As with two who disagree on a waiting one: a lead who has not read it, unless there is no such lead.
    """
    if not (case.questioned_at and can(reader, case.clinic_id, Capability.ARBITRATE)):
        return False
    readers = {read.reader_id for read in signed}
    return reader.id not in readers or (len(readers) > 1 and readable.is_left_to_its_readers(case))


def _move_on(case: Case, read: Read) -> None:
    """After `read`: to the next stage, or to signed; of a signed case, whether it is in question."""
    if case.state == CaseState.SIGNED:
        case.questioned_at = questions.after(case, list(history(case)))
        case.save(update_fields=["questioned_at", "second_read_reason"])
        return
    stage = _next_stage(case, read)
    if stage is None:
        case.state, case.signed_at = CaseState.SIGNED, read.signed_at
    else:
        case.read_stage = stage
    case.save(update_fields=["state", "signed_at", "read_stage", "second_read_reason"])


def _next_stage(case: Case, read: Read) -> ReadStage | None:
    """What the case waits for after `read`; None where it is read to the end."""
    if read.kind == ReadKind.FIRST:
        case.second_read_reason = second_reads.reason(case, read)
        return ReadStage.SECOND if case.second_read_reason else None
    if read.kind == ReadKind.ARBITRATION:
        return None
    if case.read_stage == ReadStage.SECOND and read.kind == ReadKind.CORRECTION:
        return ReadStage.SECOND
    # The second read, or one of the two corrected while a lead is asked: agreement ends it.
    one, other = two_reads(case)
    return None if second_reads.agree(one, other) else ReadStage.ARBITRATION


def ask_again() -> int:
    """Asks again what could not be answered at signing: whether the AI, whose opinion was to come, disagrees.

    Without a reason the case is signed by what was read. An opinion that failed is none to disagree with.

    Returns of how many cases it is known by now.
    """
    undecided = Case.objects.filter(
        clinic__in=Clinic.objects.all(),  # the index of what waits begins with it
        state=CaseState.WAITING,
        read_stage=ReadStage.SECOND,
        second_read_reason=second_reads.Reason.AI_PENDING,
    )
    return sum(_ask_again(case_id) for case_id in undecided.values_list("id", flat=True))


@transaction.atomic
def _ask_again(case_id: UUID) -> bool:
    case = Case.objects.select_for_update(of=("self",)).select_related("clinic").get(id=case_id)
    pending = second_reads.Reason.AI_PENDING
    if (case.state, case.read_stage, case.second_read_reason) != (CaseState.WAITING, ReadStage.SECOND, pending):
        return False  # somebody read it in the meantime
    # The first read, and what its reader has corrected since.
    signed = list(case.reads.order_by("signed_at", "id"))
    reasons = [found for read in signed if (found := second_reads.reason(case, read))]
    known = next((found for found in reasons if found != pending), "")
    if not known and reasons:
        return False
    case.second_read_reason = known
    if not known:
        case.state, case.signed_at = CaseState.SIGNED, signed[-1].signed_at
    case.save(update_fields=["state", "signed_at", "second_read_reason"])
    if not known:
        undo_left = signed[-1].signed_at + UNDO_LASTS - timezone.now()
        telling.read_signed(case, signed[-1], signed_before=False, after=max(timedelta(0), undo_left))
    return True


def two_reads(case: Case) -> tuple[Read, Read]:
    """The first and the second reader's reads as they stand, corrections included; for a case that has both."""
    standing = list(case.reads.filter(corrected_by__isnull=True).order_by("signed_at", "id"))
    second = case.reads.get(kind=ReadKind.SECOND).reader_id
    of_second = next(read for read in standing if read.reader_id == second)
    return next(read for read in standing if read.reader_id != second), of_second


def may_take_back(read: Read, reader: User) -> bool:
    """Whether `reader` can still undo `read`: their own, seconds old, and of a kind that can be undone.

    Not a correction. Nor a second read, which is given blind: once it is signed the case's state tells whether it
    agrees with the first, so that one signed anew would pass for blind and could end a disagreement that no lead saw.
    It is corrected, and both show.
    """
    return (
        read.reader_id == reader.id
        and read.kind not in (ReadKind.CORRECTION, ReadKind.SECOND)
        and timezone.now() - read.signed_at <= UNDO_LASTS
        and not TakenBack.objects.filter(read=read).exists()
    )


@transaction.atomic
def take_back(read_id: UUID, reader: User) -> Read:
    """Undoes a read within seconds: it stays as history, counts nowhere, and is an unfinished read again.

    Raises:
        Refused: it is too late, somebody has acted on it in the meantime, or it is a second read.
    """
    read = Read.every.select_related("case").get(id=read_id)
    case = Case.objects.select_for_update(of=("self",)).select_related("clinic").get(id=read.case_id)
    if TakenBack.objects.filter(read=read).exists() and read.reader_id == reader.id:
        return read  # a double click
    if read.kind == ReadKind.SECOND:
        raise Refused(_("A second read cannot be undone. Sign a correction instead."), code="second_read")
    last = newest(case)
    if not may_take_back(read, reader) or last is None or last.id != read.id:
        raise Refused(_("It is too late to undo this read. Sign a correction instead."), code="too_late")
    TakenBack.objects.create(read=read)
    telling.read_taken_back(case, read)
    if case.signed_at and read.signed_at > case.signed_at:
        case.questioned_at = questions.by_what_stands(case, list(history(case)))
        case.save(update_fields=["questioned_at", "second_read_reason"])
    else:
        case.state, case.signed_at, case.read_stage = CaseState.WAITING, None, ReadStage(read.kind)
        if read.kind == ReadKind.FIRST:
            case.second_read_reason = ""
        case.save(update_fields=["state", "signed_at", "read_stage", "second_read_reason"])
        flags.reopened(case)
    drafts.put_back(read)
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
