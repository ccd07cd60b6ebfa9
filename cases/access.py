"""Who may see what: one queryset function a record. Every page, API view, file and admin list derives from these.

"May this person open this?" is always "is it in this queryset?", so a list and a page cannot disagree.
"""

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.access import clinic_ids
from accounts.models import User
from accounts.roles import Capability
from cases import blinding
from cases.models import (
    Case,
    Lesion,
    LesionImage,
    Notification,
    Outcome,
    Patient,
    PracticeCase,
    PracticeRead,
    Prediction,
    Read,
)

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
    """The opinions that `person` may see now; a reader who has not committed a first opinion is blind to them."""
    hidden = blinding.ai_hidden_cases(person).filter(pk=OuterRef("image__case"))
    return counted_predictions(person, capability).filter(~Exists(hidden))


def counted_predictions(person: Person, capability: Capability = VIEW) -> QuerySet[Prediction]:
    """All opinions of the person's clinics, for figures that show none of them."""
    return Prediction.objects.filter(
        image__case__clinic__in=clinic_ids(person, capability), image__removed_at__isnull=True
    )


def reads(person: Person, capability: Capability = VIEW) -> QuerySet[Read]:
    """The reads that `person` may see now: not others' of a case that is theirs to read blind."""
    return blinding.showing_reads(person, Read.objects.filter(case__clinic__in=clinic_ids(person, capability)))


def outcomes(person: Person, capability: Capability = VIEW) -> QuerySet[Outcome]:
    return Outcome.objects.filter(case__clinic__in=clinic_ids(person, capability))


def notifications(person: Person) -> QuerySet[Notification]:
    """What `person` is told, in the app or by mail; of a clinic's records only while they have a role there."""
    if not isinstance(person, User):
        return Notification.objects.none()
    return Notification.objects.filter(
        Q(clinic=None) | Q(clinic__in=clinic_ids(person, VIEW)),
        person=person,
        due_at__lte=timezone.now(),
    )


def practice_cases(person: Person, capability: Capability = VIEW) -> QuerySet[PracticeCase]:
    return PracticeCase.objects.filter(clinic__in=clinic_ids(person, capability))


def practice_reads(person: Person) -> QuerySet[PracticeRead]:
    """A reader's own: nobody else is shown how they did."""
    return PracticeRead.objects.filter(reader=person) if isinstance(person, User) else PracticeRead.objects.none()
