"""A clinic to measure with: its people, their tokens, and drafts that photos can be sent to."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.utils import timezone

from accounts.models import ApiToken, Clinic, Membership, User
from accounts.roles import Role
from cases.models import BodySite, Case, Consent, Lesion, Patient
from cases.record.patients import name_key

_SITES = list(BodySite)


@dataclass
class Desk:
    """One clinic with a member of staff, a doctor, a lead and an integration."""

    clinic: Clinic
    staff: User
    doctor: User
    lead: User
    integration: User

    def token(self) -> str:
        """A new API token of the integration."""
        return ApiToken.objects.create(self.integration, name="benchmark")[1]


def open_desk(name: str = "Measured") -> Desk:
    clinic = Clinic.objects.create(name=name, time_zone="Europe/Vienna")
    people = {}
    for role in (Role.STAFF, Role.DOCTOR, Role.LEAD, Role.INTEGRATION):
        person = User(email=f"{role}@{name.lower()}.example", name=f"{role} {name}".title())
        person.set_unusable_password()
        person.save()
        Membership.objects.create(user=person, clinic=clinic, role=role)
        people[str(role)] = person
    return Desk(clinic, **people)


def drafts(desk: Desk, number: int) -> list[UUID]:
    """That many new drafts without photos, each of a patient of its own who consents to AI use."""
    now, last = timezone.now(), Case.objects.filter(clinic=desk.clinic).count()
    people = [
        Patient(
            clinic=desk.clinic,
            mrn=f"B{last + count}",
            family_name=f"Novak{last + count}",
            given_name="Eva",
            family_key=name_key(f"Novak{last + count}"),
            given_key="eva",
            birth_date=date(1930 + count % 70, 1 + count % 12, 1 + count % 28),
            ai_consent=Consent.GRANTED,
            ai_consent_at=now,
            ai_consent_by=desk.staff,
            created_by=desk.staff,
        )
        for count in range(1, number + 1)
    ]
    Patient.objects.bulk_create(people, batch_size=500)
    lesions = [Lesion(patient=each, body_site=_SITES[count % len(_SITES)]) for count, each in enumerate(people)]
    Lesion.objects.bulk_create(lesions, batch_size=500)
    logged = [
        Case(clinic=desk.clinic, number=last + count, lesion=lesion, created_by=desk.staff, itch="yes", bled="no")
        for count, lesion in enumerate(lesions, 1)
    ]
    Case.objects.bulk_create(logged, batch_size=500)
    return [case.id for case in logged]
