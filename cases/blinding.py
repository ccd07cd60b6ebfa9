"""Who may not see the AI's opinion, or another reader's, on which case: the one rule that every door derives from.

A clinic's doctors read first (`Clinic.read_first`) and are then shown the AI's opinion; a second read never sees the
first. What is hidden is hidden on pages, in the API, in the admin pages and as a heat map alike, and in every state but
the signed one: who looks at a draft, or at a case that is withdrawn and restored, reads it blind afterwards.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.access import can, clinic_ids
from accounts.models import Clinic, User
from accounts.roles import Capability
from cases.models import Case, CaseState, FirstOpinion, LesionImage, Read, ReadStage
from cases.models.case import UNSIGNED_STATES

Person = User | AnonymousUser


def ai_hidden_cases(person: Person) -> QuerySet[Case]:
    """The cases whose AI opinions `person` may not see now.

    Those that they are still to read first (nobody who cannot sign is blinded: they decide nothing), and for
    everybody the unsigned ones of a clinic that has stopped the AI.
    """
    if not isinstance(person, User):
        return Case.objects.none()
    stopped, reads_first = _stopped(person), _reads_first(person)
    if not stopped and not reads_first:
        return Case.objects.none()
    unread = ~_settles(person) & ~Q(Exists(_committed(person, OuterRef("pk")))) & ~Q(Exists(_own_reads(person)))
    return Case.objects.filter(Q(clinic__in=stopped) | Q(clinic__in=reads_first) & unread, state__in=UNSIGNED_STATES)


def first_opinion(person: Person, case: UUID | OuterRef) -> QuerySet[FirstOpinion]:
    """What `person` has committed about `case` with the photos that it has now: one row or none."""
    return _committed(person, case).order_by("-committed_at", "-id")[:1]


def _committed(person: Person, case: UUID | OuterRef) -> QuerySet[FirstOpinion]:
    """The first opinions that no photo has come after: what the AI says of a later one was not to be known then."""
    # The newest photo is asked of the case and not of each opinion, which PostgreSQL would ask it of for all that a
    # reader has ever committed.
    of_case = OuterRef(case) if isinstance(case, OuterRef) else case
    photos = LesionImage.objects.filter(case=of_case, removed_at__isnull=True).order_by("-created_at", "-id")
    newest = Coalesce(Subquery(photos.values("created_at")[:1]), Value(datetime.min.replace(tzinfo=UTC)))
    return (
        FirstOpinion.objects.filter(case=case, reader=person.pk)
        .alias(about=Coalesce("newest_photo__created_at", "committed_at"))
        .filter(about__gte=newest)
    )


def _stopped(person: User) -> set[UUID]:
    """The person's clinics that have stopped the AI."""
    return {held.clinic_id for held in person.held_memberships if held.clinic.ai_is_stopped}


def _reads_first(person: User) -> set[UUID]:
    """The clinics in which `person` says what they think before they see the AI."""
    return {
        held.clinic_id
        for held in person.held_memberships
        if held.clinic.read_first and Capability.SIGN_READS in held.capabilities
    }


def showing_ai(
    person: Person, found: QuerySet[Case], *, states: Collection[str] = (), clinic: Clinic | None = None
) -> QuerySet[Case]:
    """Of `found` the cases whose AI opinions `person` may see: a filter by what is hidden would tell it.

    Args:
        states: those that `found` is of, and `clinic` the one that it is of, where the caller knows.
    """
    if states and set(states) <= {CaseState.SIGNED}:
        return found
    return (
        found.filter(may_show_ai(person, states, clinic))
        .alias(is_hidden=ai_hidden_here(person))
        .filter(is_hidden=False)
    )


def may_show_ai(person: Person, states: Collection[str], clinic: Clinic | None) -> Q:
    """What the AI's opinion cannot be shown to `person` without.

    It narrows a list to the few rows of an index before `ai_hidden_here` is asked of each. A case on which somebody has
    committed an opinion says so; one that has a read waits for another one.
    """
    if not isinstance(person, User):
        return Q()
    clinics = {clinic.id} if clinic else {held.clinic_id for held in person.held_memberships}
    signed = Q() if states and CaseState.SIGNED not in states else Q(state=CaseState.SIGNED)
    wanted = Q()
    if first := clinics & _reads_first(person):
        elsewhere = ~Q(clinic__in=first) if clinics - first else Q()
        wanted &= signed | elsewhere | Q(has_first_opinion=True) | ~Q(read_stage=ReadStage.FIRST)
    if stopped := clinics & _stopped(person):
        wanted &= signed | ~Q(clinic__in=stopped)
    return wanted


def reads_hidden_cases(person: Person) -> QuerySet[Case]:
    """The cases whose reads by others `person` may not see yet: they may sign there, have not, and the reading goes on.

    A second read cannot be undone (`reads.may_take_back`), so whoever has signed one may see the first.
    """
    return Case.objects.filter(_unread(person))


def showing_reads(person: Person, found: QuerySet[Read]) -> QuerySet[Read]:
    """Of `found` the reads that `person` may see now: their own, and others' but for `reads_hidden_cases`."""
    # A case that waits for its first read has none to hide.
    unread = Case.objects.filter(_unread(person), pk=OuterRef("case")).exclude(read_stage=ReadStage.FIRST)
    return found.filter(~Exists(unread))


def _unread(person: Person) -> Q:
    signs = clinic_ids(person, Capability.SIGN_READS)
    if not isinstance(person, User) or not signs:
        return Q(pk__in=[])
    return Q(~_settles(person), ~Exists(_own_reads(person)), clinic__in=signs, state__in=UNSIGNED_STATES)


def ai_hidden_here(person: Person) -> Coalesce:
    """`hides_ai` for each case of a queryset, to annotate or to filter with."""
    return _is_among(ai_hidden_cases(person))


def reads_hidden_here(person: Person) -> Coalesce:
    """Whether others' reads are hidden from `person`, for each case of a queryset."""
    return _is_among(reads_hidden_cases(person))


def _is_among(hidden: QuerySet[Case], case: str = "pk") -> Coalesce:
    """Asked case by case, which EXISTS would not be: of that PostgreSQL makes a set of every read that the person has
    ever signed, seconds at a million cases.
    """
    return Coalesce(Subquery(hidden.filter(pk=OuterRef(case)).values(known=Value(True))[:1]), Value(False))


def hides_ai(person: Person, case: Case) -> bool:
    """Whether the AI's opinion on `case` is hidden from `person`."""
    return ai_hidden_cases(person).filter(pk=case.pk).exists()


def hides_reads(person: Person, case: Case) -> bool:
    """Whether others' reads of `case` are hidden from `person`."""
    return reads_hidden_cases(person).filter(pk=case.pk).exists()


def hides_what_was_asked(person: Person, case: Case, *, ai_is_hidden: bool | None = None) -> bool:
    """Whether a form may not tell `person` which urgency was asked for: an urgency above it is the AI's.

    Whoever logged the case has asked for it. Who cannot sign is blind only while the AI is stopped, and what they ask
    for is then all that makes a case urgent. `ai_is_hidden` is `hides_ai`, where the caller knows it.
    """
    return (
        can(person, case.clinic_id, Capability.SIGN_READS)
        and case.created_by_id != person.pk
        and (hides_ai(person, case) if ai_is_hidden is None else ai_is_hidden)
    )


def names_hidden_cases(person: Person) -> QuerySet[Case]:
    """The cases on which `person` settles a disagreement, and so sees both reads without their readers' names."""
    return Case.objects.filter(
        ~Exists(_own_reads(person)),
        read_stage=ReadStage.ARBITRATION,
        clinic__in=clinic_ids(person, Capability.ARBITRATE),
        state__in=UNSIGNED_STATES,
    )


def names_hidden_here(person: Person, case: str = "case") -> Coalesce:
    """`hides_names` for each row of a queryset, whose case is at `case`."""
    return _is_among(names_hidden_cases(person), case)


def hides_names(person: Person, case: Case, reads: Iterable[Read]) -> bool:
    """Whether `case` is among `names_hidden_cases`, without a query; `reads` are those of the case."""
    return (
        case.state in UNSIGNED_STATES
        and case.read_stage == ReadStage.ARBITRATION
        and can(person, case.clinic_id, Capability.ARBITRATE)
        and all(read.reader_id != person.pk for read in reads)
    )


def _own_reads(person: Person) -> QuerySet[Read]:
    return Read.objects.filter(case=OuterRef("pk"), reader=person.pk)


def _settles(person: User) -> Q:
    """The cases that wait for `person` to settle a disagreement: whoever settles it sees everything."""
    return Q(read_stage=ReadStage.ARBITRATION, clinic__in=clinic_ids(person, Capability.ARBITRATE))
