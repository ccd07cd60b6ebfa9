"""Which waiting cases are for a reader to read now: what "next" gives, the start page counts and the list can show."""

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.access import can
from accounts.models import Clinic, Membership, User
from accounts.roles import Capability, roles_with
from cases.models import Case, Read, ReadKind, ReadStage, Reservation


def readable(reader: User, clinic: Clinic, waiting: QuerySet[Case]) -> QuerySet[Case]:
    """Of `waiting` (cases of `clinic`) those that `reader` can read next, and that nobody else is at."""
    own = Read.objects.filter(case=OuterRef("pk"), reader=reader)
    theirs = Q(read_stage__in=[ReadStage.FIRST, ReadStage.SECOND])
    again = Q()
    if can(reader, clinic, Capability.ARBITRATE):
        theirs |= Q(read_stage=ReadStage.ARBITRATION)
        again = Q(read_stage=ReadStage.ARBITRATION) & left_to_its_readers(clinic)
    return free_for(reader, waiting).filter(theirs, ~Q(Exists(own)) | again).exclude(closed_to(reader, clinic))


def free_for(reader: User, cases: QuerySet[Case]) -> QuerySet[Case]:
    """`cases` without those that another reader is at."""
    taken = Reservation.objects.filter(case=OuterRef("pk"), until__gte=timezone.now()).exclude(reader=reader)
    return cases.filter(~Exists(taken))


def closed_to(reader: User, clinic: Clinic) -> Q:
    """The cases of `clinic` whose second read is not for `reader`: nobody in training confirms a trainee's read."""
    in_training = any(held.clinic_id == clinic.id and held.is_trainee for held in reader.held_memberships)
    if not in_training:
        return Q(pk__in=[])
    # A code of cases/reading/second_reads.py `Reason`, which stands above this.
    closed = Q(second_read_reason="trainee")
    if clinic.second_read_trainee:
        # Where another reason was the first that held, it is a trainee's read all the same.
        trainees = Membership.objects.filter(clinic=clinic, is_trainee=True).values("user")
        closed |= Q(Exists(Read.objects.filter(case=OuterRef("pk"), kind=ReadKind.FIRST, reader__in=trainees)))
    return Q(read_stage=ReadStage.SECOND) & closed


def arbiters(clinic: Clinic) -> QuerySet[Membership]:
    """Those who may settle a disagreement here."""
    return Membership.objects.filter(
        clinic=clinic, role__in=roles_with(Capability.ARBITRATE), user__is_active=True
    ).order_by()


def left_to_its_readers(clinic: Clinic) -> Q:
    """The cases of `clinic` that all who may settle a disagreement have read: then they may, even as one of the two."""
    own = Read.objects.filter(case=OuterRef(OuterRef("pk")), reader=OuterRef("user"))
    return ~Q(Exists(arbiters(clinic).filter(~Exists(own))))


def is_left_to_its_readers(case: Case) -> bool:
    """`left_to_its_readers` for one case; needs `case.clinic`."""
    return not arbiters(case.clinic).exclude(user__in=case.reads.values("reader")).exists()
