"""Practice cases: the answer is known, the AI is at times wrong on purpose, and only the reader learns how it went.

They live in tables of their own. Nothing here touches a patient, a case, a read, a prediction or a snapshot, and
nothing there asks for these; the one thing that comes from the record is the copy of a photo that a lead has chosen,
whose patient lets it be used for training, and whose answer a biopsy gave.
"""

import hashlib
import random
from dataclasses import dataclass
from uuid import uuid4

from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import can
from accounts.models import Clinic, User
from accounts.roles import Capability
from cases import access
from cases.errors import Refused
from cases.models import BodySite, Case, CaseState, Condition, Consent, LesionImage, PracticeCase, PracticeRead
from cases.pixels import drawing
from inference.statistics import Share

# The mistake that is easily believed: what an AI says in place of each condition where it is to be wrong.
_MISTAKES = {"MEL": "NEV", "MIS": "NEV", "NEV": "MEL", "BCC": "NEV", "SCC": "ACK", "ACK": "SCC", "SEK": "MEL"}
_FALLBACK = ("NEV", "MEL")
_DRAWN = {"MEL": "back", "NEV": "arm", "BCC": "nose", "SCC": "ear", "ACK": "scalp", "SEK": "chest"}


@dataclass(frozen=True)
class Scorecard:
    """One reader's own; nobody else is shown it."""

    right_alone: Share
    right_in_the_end: Share
    followed_wrong_ai: Share  # of those in which a wrong AI met a right first answer
    helped_by_ai: Share  # of those in which a right AI met a wrong first answer
    waiting: int
    reads: list[PracticeRead]


def next_for(reader: User, clinic: Clinic) -> PracticeCase | None:
    """The one that the reader has begun, else one not seen yet; None when all are done."""
    begun = PracticeRead.objects.filter(practice=OuterRef("pk"), reader=reader, finished_at__isnull=True)
    return to_read(reader, clinic).annotate(is_begun=Exists(begun)).order_by("-is_begun", "created_at", "id").first()


def read_of(practice: PracticeCase, reader: User) -> PracticeRead | None:
    return PracticeRead.objects.select_related("first", "final").filter(practice=practice, reader=reader).first()


@transaction.atomic
def commit(practice: PracticeCase, reader: User, condition: Condition) -> PracticeRead:
    """What the reader thinks before the AI is shown; a repetition changes nothing.

    Raises:
        Refused: the reader may not sign here, or the case was taken out.
    """
    if not can(reader, practice.clinic_id, Capability.SIGN_READS):
        raise Refused(_("You may not sign reads in this clinic."), code="not_allowed")
    known = read_of(practice, reader)
    if known is None and not PracticeCase.objects.filter(id=practice.id, retired_at__isnull=True).exists():
        raise Refused(_("This practice case was taken out. Go on with the next one."), code="retired")
    return (
        known or PracticeRead.objects.get_or_create(practice=practice, reader=reader, defaults={"first": condition})[0]
    )


@transaction.atomic
def finish(practice: PracticeCase, reader: User, condition: Condition) -> PracticeRead:
    """What the reader says in the end, having seen the AI; the answer is shown from now on. It cannot be changed.

    Raises:
        Refused: the reader has not committed a first answer.
    """
    begun = PracticeRead.objects.filter(practice=practice, reader=reader)
    if not begun.exists():
        raise Refused(_("Say first what you think without the AI."), code="not_committed")
    # One UPDATE decides between two tabs.
    begun.filter(finished_at__isnull=True).update(final=condition, finished_at=timezone.now())
    return begun.select_related("first", "final").get()


def scorecard(reader: User, clinic: Clinic) -> Scorecard:
    reads = list(
        access.practice_reads(reader)
        .filter(practice__clinic=clinic, finished_at__isnull=False)
        .select_related("practice__answer", "practice__ai_says", "first", "final")
        .order_by("-finished_at", "-id")
    )
    before = [read.first_id == read.practice.answer_id for read in reads]
    after = [read.final_id == read.practice.answer_id for read in reads]
    misled = [not after[n] for n, read in enumerate(reads) if before[n] and read.practice.ai_is_wrong]
    helped = [after[n] for n, read in enumerate(reads) if not before[n] and not read.practice.ai_is_wrong]
    return Scorecard(
        right_alone=Share.of(before),
        right_in_the_end=Share.of(after),
        followed_wrong_ai=Share.of(misled),
        helped_by_ai=Share.of(helped),
        waiting=to_read(reader, clinic).count(),
        reads=reads,
    )


def to_read(reader: User, clinic: Clinic) -> QuerySet[PracticeCase]:
    """The clinic's practice cases that `reader` has not finished."""
    finished = PracticeRead.objects.filter(practice=OuterRef("pk"), reader=reader, finished_at__isnull=False)
    return access.practice_cases(reader, Capability.SIGN_READS).filter(
        ~Exists(finished), clinic=clinic, retired_at__isnull=True
    )


# --- What a lead puts in ------------------------------------------------------------------------------------


def choosable(person: User, clinic: Clinic) -> QuerySet[Case]:
    """Signed cases whose answer a biopsy gave and whose patient allows training use, the newest first."""
    photos = LesionImage.objects.filter(removed_at__isnull=True).order_by("created_at", "id")
    return (
        access.cases(person, Capability.MANAGE_PRACTICE)
        .filter(
            clinic=clinic,
            state=CaseState.SIGNED,
            outcome__isnull=False,
            lesion__patient__training_consent=Consent.GRANTED,
        )
        .filter(Exists(photos.filter(case=OuterRef("pk"))))
        .select_related("outcome__condition", "lesion__patient")
        .prefetch_related(Prefetch("images", photos, to_attr="photos"))
        .order_by("-signed_at", "-id")
    )


def add_from(case: Case, *, by: User, ai_is_wrong: bool) -> PracticeCase:
    """Copies the first photo of one of `choosable`, without a word of whose it is.

    Raises:
        Refused: the case may not be used, its photo is missing, or it is there already.
    """
    chosen = choosable(by, case.clinic).filter(id=case.id).first()
    if chosen is None:
        raise Refused(_("This case cannot be used: it needs a biopsy and the consent to training use."), code="no_use")
    try:
        with chosen.photos[0].derivative.open("rb") as file:  # type: ignore[attr-defined]  # set by choosable
            picture = file.read()
    except FileNotFoundError as error:
        raise Refused(_("The photo's file is missing."), code="file_missing") from error
    age = chosen.lesion.patient.age_on(timezone.localdate(chosen.created_at))
    return _add(
        chosen.clinic,
        by,
        picture,
        site=chosen.lesion.body_site,
        decade=min(90, age // 10 * 10),
        answer=chosen.outcome.condition,
        ai_is_wrong=ai_is_wrong,
        is_drawn=False,
    )


def drawn(clinic: Clinic) -> int:
    return PracticeCase.objects.filter(clinic=clinic, is_drawn=True).count()


def add_drawn(clinic: Clinic, *, by: User, seen: int) -> int:
    """Adds a set of drawn pictures, one a look, every third with a wrong AI; returns how many are new.

    `seen` is how many drawn ones the person saw, so that a double click adds one set.
    """
    number = drawn(clinic)
    if number != seen:
        return 0
    added = 0
    for place, (code, site) in enumerate(_DRAWN.items()):
        picture = drawing.jpeg(drawing.draw(code, seed=9000 + number + place, width=720, height=540))
        chance = random.Random(f"{code}{number}")  # noqa: S311 (an age, not a secret)
        try:
            _add(
                clinic,
                by,
                picture,
                site=site,
                decade=10 * chance.randint(3, 8),
                answer=Condition.objects.get(code=code),
                ai_is_wrong=(place + number // len(_DRAWN)) % 3 == 0,
                is_drawn=True,
            )
        except Refused as refusal:
            if refusal.code != "already_there":
                raise
        else:
            added += 1
    return added


def retire(practice: PracticeCase) -> None:
    """Takes it out for those who have not read it; scorecards keep what was read."""
    PracticeCase.objects.filter(id=practice.id, retired_at__isnull=True).update(retired_at=timezone.now())


def _add(
    clinic: Clinic,
    by: User,
    picture: bytes,
    *,
    site: str,
    decade: int,
    answer: Condition,
    ai_is_wrong: bool,
    is_drawn: bool,
) -> PracticeCase:
    if not can(by, clinic, Capability.MANAGE_PRACTICE):
        raise Refused(_("You may not choose practice cases in this clinic."), code="not_allowed")
    practice = PracticeCase(
        clinic=clinic,
        sha256=hashlib.sha256(picture).hexdigest(),
        site=BodySite(site),
        decade=decade,
        answer=answer,
        ai_says=_mistake(answer) if ai_is_wrong else answer,
        is_drawn=is_drawn,
        created_by=by,
    )
    practice.picture.save(f"practice/{uuid4().hex}.jpg", ContentFile(picture), save=False)
    try:
        with transaction.atomic():
            practice.save(force_insert=True)
    except IntegrityError as error:
        practice.picture.delete(save=False)
        raise Refused(_("This picture is a practice case already."), code="already_there") from error
    return practice


def _mistake(answer: Condition) -> Condition:
    code = _MISTAKES.get(answer.code) or next(code for code in _FALLBACK if code != answer.code)
    return Condition.objects.get(code=code)
