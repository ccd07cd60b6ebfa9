"""Who may see which training run: one queryset, from which every page about them derives."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from accounts.access import clinic_ids
from accounts.models import User
from accounts.roles import Capability
from training.models import TrainingRun


def runs(person: User | AnonymousUser) -> QuerySet[TrainingRun]:
    """Those on the operator's folder, which are about no patient, for all who manage models; of a clinic's cases, for
    those who manage models there.
    """
    mine = clinic_ids(person, Capability.MANAGE_MODELS)
    is_operator = isinstance(person, User) and person.is_active and person.is_superuser
    if not mine and not is_operator:
        return TrainingRun.objects.none()
    return TrainingRun.objects.filter(Q(clinic__isnull=True) | Q(clinic__in=mine))
