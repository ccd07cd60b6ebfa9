"""Who may see what: one queryset function a record. Every page, API view, file and admin list derives from these.

"May this person open this?" is always "is it in this queryset?", so a list and a page cannot disagree.
"""

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from accounts.access import clinic_ids
from accounts.models import User
from accounts.roles import Capability
from cases.models import Case, Lesion, LesionImage, Outcome, Patient, Prediction, Read

Person = User | AnonymousUser
VIEW = Capability.VIEW_RECORD


def patients(person: Person, capability: Capability = VIEW) -> QuerySet[Patient]:
    return Patient.objects.filter(clinic__in=clinic_ids(person, capability))


def lesions(person: Person, capability: Capability = VIEW) -> QuerySet[Lesion]:
    return Lesion.objects.filter(patient__clinic__in=clinic_ids(person, capability))


def cases(person: Person, capability: Capability = VIEW) -> QuerySet[Case]:
    return Case.objects.filter(clinic__in=clinic_ids(person, capability))


def images(person: Person, capability: Capability = VIEW) -> QuerySet[LesionImage]:
    """Photos that stand in a record; removed ones are gone for every door."""
    return LesionImage.objects.filter(case__clinic__in=clinic_ids(person, capability), removed_at__isnull=True)


def removed_images(person: Person, capability: Capability = VIEW) -> QuerySet[LesionImage]:
    """Photos that were taken out of a case; only the undo sees them."""
    return LesionImage.objects.filter(case__clinic__in=clinic_ids(person, capability), removed_at__isnull=False)


def predictions(person: Person, capability: Capability = VIEW) -> QuerySet[Prediction]:
    return Prediction.objects.filter(
        image__case__clinic__in=clinic_ids(person, capability), image__removed_at__isnull=True
    )


def reads(person: Person, capability: Capability = VIEW) -> QuerySet[Read]:
    return Read.objects.filter(case__clinic__in=clinic_ids(person, capability))


def outcomes(person: Person, capability: Capability = VIEW) -> QuerySet[Outcome]:
    return Outcome.objects.filter(case__clinic__in=clinic_ids(person, capability))
