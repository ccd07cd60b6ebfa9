"""Finding and registering patients, and recording their consent."""

import unicodedata
from collections.abc import Collection
from datetime import date
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from accounts.models import Clinic, User
from cases.errors import Conflict, Refused, fingerprint
from cases.models import Case, Consent, Corrected, Patient, RecordCorrection
from cases.photo import practice_copies
from cases.prediction import asking

CONSENT_KINDS = ("ai", "training")
# What an edit page shows and changes.
DETAILS = ("mrn", "family_name", "given_name", "birth_date", "sex", "fitzpatrick")
# A search counts up to this and one more, and no list of patients is leafed through further.
MOST_FOUND = 1000
OLDEST = 130  # years; a mistyped year ("0061") is caught, nobody is


class LikelyDuplicates(Refused):
    """Some registered patients may be the person who is being registered."""

    code = "likely_duplicates"

    def __init__(self, likely: list[Patient]) -> None:
        super().__init__(_("This person may be registered already."))
        self.patients = likely


def name_key(name: str) -> str:
    """What a search compares: no accents, lower case, single spaces ("Müller-Ödön" -> "muller-odon")."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ẞ", "ss"))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).lower().split())


def kept_mrn(mrn: str) -> str:
    """An MRN as it is kept: in capitals, of which some letters take two ("ß").

    Raises:
        Refused: there is no room for it (code "mrn_too_long").
    """
    kept = mrn.strip().upper()
    if len(kept) > (Patient._meta.get_field("mrn").max_length or 0):
        raise Refused(_("This MRN is too long."), code="mrn_too_long")
    return kept


def search(patients: QuerySet[Patient], text: str) -> QuerySet[Patient]:
    """The patients whose name or MRN begins as `text` does, or who were born on the date in it.

    Prefixes only, so that the index serves it at any size. Names in either order, of several words each:
    "novak 1961-04-02", "van der berg jan", "jan van der" all work. A word with a digit is an MRN.
    """
    return find(patients, text)[0]


def find(patients: QuerySet[Patient], text: str) -> tuple[QuerySet[Patient], int]:
    """`search`, and how many it finds: counted up to MOST_FOUND and one more."""
    words = []
    for word in text.replace(",", " ").split():
        if born := _date(word):
            patients = patients.filter(birth_date=born)
        elif any(letter.isdigit() for letter in word):
            patients = patients.filter(mrn__startswith=word.upper())
        else:
            words.append(word)
    keys = name_key(" ".join(words)).split()[:6]
    if not keys:
        return patients, _up_to_most(patients.order_by().values("id"))
    ways: list[Q] = []
    for middle in range(len(keys) + 1):
        first, rest = " ".join(keys[:middle]), " ".join(keys[middle:])
        for family, given in ((first, rest), (rest, first)):
            way = Q(family_key__startswith=family) if family else Q()
            way &= Q(given_key__startswith=given) if given else Q()
            if way not in ways:
                ways.append(way)
    ways.append(Q(mrn__startswith=" ".join(words).upper()))
    # Each way by its own index, without those that an earlier one finds: as one condition, PostgreSQL walks the list
    # in its order, and it may be long until the first one comes. Where very many match, it comes soon.
    alone = (way & ~reduce(or_, ways[:place]) if place else way for place, way in enumerate(ways))
    one, *others = (patients.filter(way).order_by().values("id") for way in alone)
    found = one.union(*others, all=True)
    number = _up_to_most(found)
    return patients.filter(reduce(or_, ways)) if number > MOST_FOUND else patients.filter(id__in=found), number


def _up_to_most(found: QuerySet[Any]) -> int:
    return found[: MOST_FOUND + 1].count()


def whole(stretch: QuerySet[Patient]) -> QuerySet[Patient]:
    """The patients of a slice of `search`, in its order: the index alone says who they are, and only they are read."""
    return Patient.objects.filter(id__in=stretch.values("id"))


def with_cases(patients: QuerySet[Patient]) -> QuerySet[Patient]:
    """Adds `case_count` and `latest_case` (a moment or None), computed for the rows of one page only."""
    cases = Case.objects.filter(lesion__patient=OuterRef("pk")).order_by()
    number = cases.values("lesion__patient").annotate(number=Count("id")).values("number")
    return patients.annotate(
        case_count=Coalesce(Subquery(number), 0),
        latest_case=Subquery(cases.order_by("-created_at").values("created_at")[:1]),
    )


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


def details_in(text: str) -> dict[str, Any]:
    """What search words that found nobody say about a new patient: "Novak Eva 1961-04-02" fills three fields."""
    details: dict[str, Any] = {}
    names = []
    for word in text.replace(",", " ").split():
        if born := _date(word):
            details["birth_date"] = born
        elif any(letter.isdigit() for letter in word):
            details["mrn"] = word.upper()
        else:
            names.append(word if word != word.lower() else word.title())
    if names:
        details["family_name"], details["given_name"] = names[0], " ".join(names[1:])
    return details


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
    waved_through: Collection[UUID] | None = None,
    **fields: Any,
) -> Patient:
    """Registers a patient.

    Args:
        patient_id: made by the client, so that a repeated request is one patient.
        waved_through: the likely duplicates that the person has looked at and found to be someone else;
            None for callers that cannot ask anybody.

    Raises:
        LikelyDuplicates: somebody registered may be the same person and was not waved through.
        Refused: the MRN is taken in this clinic (code "mrn_taken") or too long in capitals ("mrn_too_long"), or the
            birth date cannot be (code "birth_date").
    """
    # The clinic's row is the lock that lets two clicks on "Register" pass one after the other.
    Clinic.objects.select_for_update().get(id=clinic.id)
    if patient_id and (known := Patient.objects.filter(id=patient_id).first()):
        # Other details under the same id: a page that the browser's Back button brought back, filled in anew.
        same = (known.mrn, known.birth_date, known.family_name, known.given_name)
        told = (mrn.strip().upper(), birth_date, family_name.strip(), given_name.strip())
        if known.clinic_id != clinic.id or known.created_by_id != by.id or same != told:
            raise Refused(_("This patient was registered already. Search for them."), code="id_taken")
        return known
    if waved_through is not None:
        likely = likely_duplicates(clinic, family_name, given_name, birth_date)
        if unseen := [patient for patient in likely if patient.id not in waved_through]:
            taken = mrn.strip().upper()
            if all(patient.mrn != taken for patient in unseen):
                raise LikelyDuplicates(list(likely))
    patient = Patient(
        id=patient_id or uuid7(),
        clinic=clinic,
        created_by=by,
        mrn=mrn,
        family_name=family_name.strip(),
        given_name=given_name.strip(),
        birth_date=birth_date,
        **fields,
    )
    _set_consent(patient, "ai", ai_consent, by)
    _set_consent(patient, "training", training_consent, by)
    return _save(patient)


@transaction.atomic
def update(patient: Patient, *, by: User, seen: str | None = None, **fields: Any) -> Patient:
    """Corrects a patient's own details, of which signed reports get a version; consent has its own function because it
    carries who and when.

    Args:
        seen: the `stamp` of the details that the person saw when deciding; None overwrites unasked.

    Raises:
        Conflict: the details were changed since.
        Refused: the MRN is taken in this clinic (code "mrn_taken"), or the birth date cannot be.
    """
    Patient.objects.select_for_update(of=("self",)).get(id=patient.id)
    patient.refresh_from_db()
    if seen is not None and seen != stamp(patient):
        raise Conflict(_("Someone changed this patient in the meantime. Look at what is different, then save again."))
    birth_date, before = patient.birth_date, stamp(patient)
    for name, value in fields.items():
        setattr(patient, name, value.strip() if isinstance(value, str) else value)
    _save(patient)
    if stamp(patient) != before:
        RecordCorrection.objects.create(patient=patient, what=Corrected.PATIENT, by=by)
    if patient.birth_date != birth_date:
        # The model is told the age.
        asking.facts_changed(Case.objects.filter(lesion__patient=patient))
    return patient


def stamp(patient: Patient) -> str:
    """Changes whenever one of the patient's details does: what an edit page remembers of what it showed."""
    return fingerprint([getattr(patient, name) for name in DETAILS])


def _save(patient: Patient) -> Patient:
    today = timezone.localdate()
    if patient.birth_date > today:
        raise Refused(_("The birth date lies in the future."), code="birth_date")
    if patient.birth_date.year < today.year - OLDEST:
        raise Refused(_("The birth date lies too far back. Check the year."), code="birth_date")
    patient.mrn = kept_mrn(patient.mrn)
    # A name in one script may take more letters in another; a search compares what fits.
    patient.family_key, patient.given_key = name_key(patient.family_name)[:100], name_key(patient.given_name)[:100]
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

    AI consent acts at once: granted, the photos of open cases get their predictions; refused, pending ones end. Without
    consent to training use, copies of the patient's photos are no practice cases any more.
    """
    # As it stands now, under the lock: another answer given at the same time is not taken for this one.
    Patient.objects.select_for_update(of=("self",)).get(id=patient.id)
    patient.refresh_from_db()
    allowed_ai = patient.allows_ai
    _set_consent(patient, kind, consent, by)
    patient.save(update_fields=[f"{kind}_consent", f"{kind}_consent_at", f"{kind}_consent_by"])
    if patient.allows_ai != allowed_ai:
        RecordCorrection.objects.create(patient=patient, what=Corrected.CONSENT, by=by)
    if kind == "ai":
        asking.consent_changed(patient)
    elif patient.training_consent != Consent.GRANTED:
        practice_copies.end(patient)
    return patient


def _set_consent(patient: Patient, kind: str, consent: str, by: User) -> None:
    if kind not in CONSENT_KINDS:
        raise ValueError(f"unknown kind of consent: {kind}")
    if getattr(patient, f"{kind}_consent") == consent:
        return
    setattr(patient, f"{kind}_consent", Consent(consent))
    setattr(patient, f"{kind}_consent_at", timezone.now())
    setattr(patient, f"{kind}_consent_by", by)
