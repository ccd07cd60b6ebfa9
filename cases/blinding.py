"""Who may not see the AI's opinion, or another reader's, on which case: the one rule that every door derives from.

A clinic's doctors read first (`Clinic.read_first`) and are then shown the AI's opinion; a second read never sees the
first. What is hidden is hidden on pages, in the API, in the admin pages and as a heat map alike.
"""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.access import can, clinic_ids
from accounts.models import Clinic, User
from accounts.roles import Capability
from cases.models import Case, FirstOpinion, Read, ReadStage
from cases.models.case import OPEN_STATES, UNREAD_STATES

Person = User | AnonymousUser


def ai_hidden_cases(person: Person) -> QuerySet[Case]:
    """The cases whose AI opinions `person` may not see now.

    Those that they are still to read first (nobody who cannot sign is blinded: they decide nothing), and for
    everybody the open ones of a clinic that has stopped the AI.
    """
    if not isinstance(person, User):
        return Case.objects.none()
    stopped = {held.clinic_id for held in person.held_memberships if held.clinic.ai_is_stopped}
    reads_first = _reads_first(person)
    if not stopped and not reads_first:
        return Case.objects.none()
    committed = FirstOpinion.objects.filter(case=OuterRef("pk"), reader=person)
    blind = Q(clinic__in=reads_first, state__in=UNREAD_STATES)
    unread = ~_settles(person) & ~Q(Exists(committed)) & ~Q(Exists(_own_reads(person)))
    return Case.objects.filter(Q(clinic__in=stopped, state__in=OPEN_STATES) | (blind & unread))


def _reads_first(person: User) -> set[UUID]:
    """The clinics in which `person` says what they think before they see the AI."""
    return {
        held.clinic_id
        for held in person.held_memberships
        if held.clinic.read_first and Capability.SIGN_READS in held.capabilities
    }


def may_show_ai(person: Person, clinic: Clinic) -> Q:
    """What the AI's opinion on a waiting case cannot be shown to `person` without.

    It narrows a list to the few rows of an index before `ai_hidden_here` is asked of each. A case on which somebody has
    committed an opinion says so; one that has a read waits for another one.
    """
    if isinstance(person, User) and clinic.id in _reads_first(person):
        return Q(has_first_opinion=True) | ~Q(read_stage=ReadStage.FIRST)
    return Q()


def reads_hidden_cases(person: Person) -> QuerySet[Case]:
    """The cases whose reads `person` may not see yet: they may sign there, have not, and the reading goes on."""
    if not isinstance(person, User):
        return Case.objects.none()
    signs = clinic_ids(person, Capability.SIGN_READS)
    if not signs:
        return Case.objects.none()
    return Case.objects.filter(
        ~_settles(person), ~Exists(_own_reads(person)), clinic__in=signs, state__in=UNREAD_STATES
    )


def ai_hidden_here(person: Person) -> Coalesce:
    """`hides_ai` for each case of a queryset, to annotate or to filter with."""
    return _is_among(ai_hidden_cases(person))


def reads_hidden_here(person: Person) -> Coalesce:
    """Whether others' reads are hidden from `person`, for each case of a queryset."""
    return _is_among(reads_hidden_cases(person))


def _is_among(hidden: QuerySet[Case]) -> Coalesce:
    """Asked case by case, which EXISTS would not be: of that PostgreSQL makes a set of every read that the person has
    ever signed, seconds at a million cases.
    """
    return Coalesce(Subquery(hidden.filter(pk=OuterRef("pk")).values(known=Value(True))[:1]), Value(False))


def hides_ai(person: Person, case: Case) -> bool:
    """Whether the AI's opinion on `case` is hidden from `person`."""
    return case.is_open and ai_hidden_cases(person).filter(pk=case.pk).exists()


def hides_names(person: Person, case: Case, reads: Iterable[Read]) -> bool:
    """Whether `person` settles a disagreement here, and so sees both reads without their readers' names.

    `reads` are those of the case.
    """
    return (
        case.state in UNREAD_STATES
        and case.read_stage == ReadStage.ARBITRATION
        and can(person, case.clinic_id, Capability.ARBITRATE)
        and isinstance(person, User)
        and all(read.reader_id != person.pk for read in reads)
    )


def _own_reads(person: User) -> QuerySet[Read]:
    return Read.objects.filter(case=OuterRef("pk"), reader=person)


def _settles(person: User) -> Q:
    """The cases that wait for `person` to settle a disagreement: whoever settles it sees everything."""
    return Q(read_stage=ReadStage.ARBITRATION, clinic__in=clinic_ids(person, Capability.ARBITRATE))
