"""Finding and registering patients, and recording their consent."""

import unicodedata
from datetime import date
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _

from accounts.models import Clinic, User
from cases import predictions
from cases.errors import Refused
from cases.models import Case, Consent, Patient

CONSENT_KINDS = ("ai", "training")


def name_key(name: str) -> str:
    """What a search compares: no accents, lower case, single spaces ("Müller-Ödön" -> "muller-odon")."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ẞ", "ss"))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).lower().split())


def search(patients: QuerySet[Patient], text: str) -> QuerySet[Patient]:
    """The patients whose name or MRN begins with the words of `text`, or who were born on the date in it.

    Prefixes only, so that the index serves it at any size. Every word must match; "novak 1961-04-02" works.
    """
    for word in text.split():
        born = _date(word)
        if born:
            patients = patients.filter(birth_date=born)
            continue
        key = name_key(word.strip(","))
        if key:
            patients = patients.filter(
                Q(family_key__startswith=key) | Q(given_key__startswith=key) | Q(mrn__startswith=word.upper())
            )
    return patients


def _date(word: str) -> date | None:
    """A date written 1961-04-02, 02.04.1961 or 02/04/1961 (day first)."""
    for separator in (".", "/"):
        parts = word.split(separator)
        if len(parts) == 3 and all(part.isdigit() for part in parts):
            word = f"{parts[2]:0>4}-{parts[1]:0>2}-{parts[0]:0>2}"
    try:
        return parse_date(word)
    except ValueError:
        return None


def likely_duplicates(clinic: Clinic, family_name: str, given_name: str, birth_date: date) -> QuerySet[Patient]:
    """Patients of the clinic who may be the same person: two of family name, given name, birth date agree."""
    family, given = Q(family_key=name_key(family_name)), Q(given_key=name_key(given_name))
    born = Q(birth_date=birth_date)
    return Patient.objects.filter((family & given) | (family & born) | (given & born), clinic=clinic)


@transaction.atomic
def register(
    *,
    clinic: Clinic,
    by: User,
    mrn: str,
    family_name: str,
    given_name: str,
    birth_date: date,
    ai_consent: str = Consent.NOT_ASKED,
    training_consent: str = Consent.NOT_ASKED,
    patient_id: UUID | None = None,
    **fields: Any,
) -> Patient:
    """Registers a patient. `patient_id` is made by the client, so that a repeated request is one patient.

    Raises:
        Refused: the MRN is taken in this clinic (code "mrn_taken"), the birth date lies ahead, or the id is taken.
    """
    if patient_id and (known := Patient.objects.filter(id=patient_id).first()):
        if known.clinic_id != clinic.id or known.created_by_id != by.id:
            raise Refused(_("This id is taken. Make a new one."), code="id_taken")
        return known
    if birth_date > timezone.localdate():
        raise Refused(_("The birth date lies in the future."), code="birth_date")
    patient = Patient(
        clinic=clinic,
        created_by=by,
        mrn=mrn,
        family_name=family_name.strip(),
        given_name=given_name.strip(),
        birth_date=birth_date,
        **fields,
    )
    if patient_id:
        patient.id = patient_id
    _set_consent(patient, "ai", ai_consent, by)
    _set_consent(patient, "training", training_consent, by)
    return _save(patient)


@transaction.atomic
def update(patient: Patient, **fields: Any) -> Patient:
    """Corrects a patient's own details; consent has its own function because it carries who and when.

    Raises:
        Refused: the MRN is taken in this clinic (code "mrn_taken").
    """
    birth_date = patient.birth_date
    for name, value in fields.items():
        setattr(patient, name, value.strip() if isinstance(value, str) else value)
    _save(patient)
    if patient.birth_date != birth_date:
        # The model is told the age.
        predictions.facts_changed(Case.objects.filter(lesion__patient=patient))
    return patient


def _save(patient: Patient) -> Patient:
    patient.mrn = patient.mrn.strip().upper()
    patient.family_key, patient.given_key = name_key(patient.family_name), name_key(patient.given_name)
    try:
        with transaction.atomic():
            patient.save()
    except IntegrityError as error:
        # SQLite names the columns, PostgreSQL the constraint.
        if "mrn" not in str(error):
            raise
        raise Refused(_("Another patient of this clinic has this MRN."), code="mrn_taken") from error
    return patient


@transaction.atomic
def record_consent(patient: Patient, kind: str, consent: str, by: User) -> Patient:
    """Records the patient's answer of `kind` "ai" or "training", with who asked and when; the audit log keeps all.

    AI consent acts at once: granted, the photos of open cases get their predictions; refused, pending ones end.
    """
    _set_consent(patient, kind, consent, by)
    patient.save(update_fields=[f"{kind}_consent", f"{kind}_consent_at", f"{kind}_consent_by"])
    if kind == "ai":
        predictions.consent_changed(patient)
    return patient


def _set_consent(patient: Patient, kind: str, consent: str, by: User) -> None:
    if kind not in CONSENT_KINDS:
        raise ValueError(f"unknown kind of consent: {kind}")
    if getattr(patient, f"{kind}_consent") == consent:
        return
    setattr(patient, f"{kind}_consent", Consent(consent))
    setattr(patient, f"{kind}_consent_at", timezone.now())
    setattr(patient, f"{kind}_consent_by", by)
