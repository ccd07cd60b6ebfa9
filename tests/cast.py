"""The cast of the tests: two clinics, one person a role in each, and makers of records.

`alma` is the clinic that owns what is looked at; `brno` must see nothing of it.
"""

import itertools
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from accounts.models import Clinic, Membership, User
from accounts.roles import Role
from cases.models import BodySite, Case, Consent, Lesion, LesionImage, Patient
from cases.pixels import drawing
from cases.record import lifecycle, patients
from cases.vocabulary import conditions

PASSWORD = "correct-horse-battery"
_counter = itertools.count(1)


@dataclass
class Cast:
    clinic: Clinic
    staff: User
    doctor: User
    lead: User
    admin: User
    integration: User

    def role(self, name: str) -> User:
        return getattr(self, name)


def make_clinic(name: str, **policy: Any) -> Cast:
    """A clinic whose doctors see the AI at once and read each case once, unless `policy` says otherwise."""
    settings = {"read_first": False, **policy}
    clinic = Clinic.objects.create(name=f"{name} {next(_counter)}", time_zone="Europe/Vienna", **settings)
    return Cast(clinic, **{str(role): make_person(clinic, role) for role in Role})


def make_person(clinic: Clinic | None, *roles: str, name: str = "") -> User:
    number = next(_counter)
    person = User(email=f"{'-'.join(roles) or 'nobody'}-{number}@example.org", name=name or f"Person {number}")
    # Hashing is slow by design; tests log in by force_login unless they test the login itself.
    person.set_unusable_password()
    person.save()
    for role in roles:
        Membership.objects.create(user=person, clinic=clinic, role=role)
    return person


def make_patient(cast: Cast, **fields: Any) -> Patient:
    number = next(_counter)
    return patients.register(
        clinic=cast.clinic,
        by=cast.staff,
        **{
            "mrn": f"M{number}",
            "family_name": f"Novak{number}",
            "given_name": "Eva",
            "birth_date": date(1961, 4, 2),
            "ai_consent": Consent.GRANTED,
            **fields,
        },
    )


def make_case(cast: Cast, patient: Patient | None = None, **fields: Any) -> Case:
    """A draft case about a new lesion on the left forearm."""
    conditions.load_vocabulary()
    lesion = Lesion.objects.create(patient=patient or make_patient(cast), body_site=BodySite.FOREARM, side="left")
    return lifecycle.log_case(lesion=lesion, by=cast.staff, **fields)


def make_image(case: Case, **fields: Any) -> LesionImage:
    """A photo's row without files, for tests that never open them; tests of intake use the real door."""
    number = next(_counter)
    return LesionImage.objects.create(
        case=case,
        **{
            "original": f"images/none/{number}.jpg",
            "derivative": f"images/none/{number}-upright.jpg",
            "thumbnail": f"images/none/{number}-thumbnail.jpg",
            "content_type": "image/jpeg",
            "sha256": f"{number:064x}",
            "byte_size": 1,
            "width": 1200,
            "height": 900,
            "created_by": case.created_by,
            **fields,
        },
    )


def waiting_case(cast: Cast, **fields: Any) -> Case:
    """A case with one (fileless) photo on the worklist."""
    case = make_case(cast, **fields)
    make_image(case)
    return lifecycle.send(case.id)


@lru_cache(maxsize=64)
def photo(kind: str = "NEV", seed: int = 0, **size: int) -> bytes:
    """A drawn photo as JPEG bytes; the same one is drawn once."""
    return drawing.jpeg(drawing.draw(kind, seed=seed, **size))
