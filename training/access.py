"""Who may see which training run, and whose cases count in the figures of a model: every page derives from these."""

from collections.abc import Collection
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from accounts.access import clinic_ids
from accounts.models import Clinic, User
from accounts.roles import Capability
from training.models import TrainingRun

ClinicIds = Collection[UUID] | QuerySet[Clinic, UUID]


def counted_clinics(person: User) -> ClinicIds:
    """The clinics whose cases count in the figures that `person` sees; the operator sees the sum of all."""
    if person.is_superuser:
        return Clinic.objects.values_list("id", flat=True)
    return clinic_ids(person, Capability.MANAGE_MODELS)


def runs(person: User | AnonymousUser) -> QuerySet[TrainingRun]:
    """Those on the operator's folder, which are about no patient, for all who manage models; of a clinic's cases, for
    those who manage models there.
    """
    mine = clinic_ids(person, Capability.MANAGE_MODELS)
    is_operator = isinstance(person, User) and person.is_active and person.is_superuser
    if not mine and not is_operator:
        return TrainingRun.objects.none()
    return TrainingRun.objects.filter(Q(clinic__isnull=True) | Q(clinic__in=mine))
