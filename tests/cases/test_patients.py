"""Finding, registering, consent."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from cases import access
from cases.errors import Refused
from cases.models import Consent, Patient
from cases.record import patients
from tests.cast import make_patient


@pytest.mark.parametrize(
    "text",
    ["mul", "Müller", "muller eva", "eva MÜL", "1961-04-02", "02.04.1961", "2/4/1961", "ab-1", "müller 02.04.1961"],
)
def test_search_finds_by_name_birth_date_and_mrn(alma, text):
    wanted = make_patient(alma, family_name="Müller", given_name="Éva", mrn="ab-12")
    make_patient(alma, family_name="Bauer", given_name="Karl", birth_date=date(1980, 1, 1), mrn="zz-9")
    assert list(patients.search(access.patients(alma.staff), text)) == [wanted]


@pytest.mark.parametrize("text", ["xavier", "1999-01-01", "müller karl", "31.02.1961"])
def test_search_finds_nobody_else(alma, text):
    make_patient(alma, family_name="Müller", given_name="Éva", mrn="ab-12")
    assert not patients.search(access.patients(alma.staff), text).exists()


def test_search_stays_in_the_clinic(alma, brno):
    make_patient(brno, family_name="Müller")
    assert not patients.search(access.patients(alma.staff), "müller").exists()


@given(st.text(max_size=40))
def test_a_name_key_is_stable(name):
    assert patients.name_key(patients.name_key(name)) == patients.name_key(name)


def test_an_mrn_is_one_patient_whatever_its_case(alma, brno):
    make_patient(alma, mrn=" ab-1 ")
    with pytest.raises(Refused) as refusal:
        make_patient(alma, mrn="AB-1")
    assert refusal.value.code == "mrn_taken"
    assert make_patient(brno, mrn="AB-1").mrn == "AB-1"


def test_changing_to_a_taken_mrn_is_refused(alma):
    make_patient(alma, mrn="AB-1")
    other = make_patient(alma, mrn="AB-2")
    with pytest.raises(Refused):
        patients.update(other, by=alma.staff, mrn="ab-1")


def test_nobody_is_born_tomorrow(alma):
    with pytest.raises(Refused, match="future"):
        make_patient(alma, birth_date=timezone.localdate() + timedelta(days=2))


@pytest.mark.parametrize(
    ("family", "given_name", "born", "likely"),
    [
        ("Novák", "EVA", date(1990, 1, 1), True),  # both names
        ("Novak", "Iva", date(1961, 4, 2), True),  # family name and birth date
        ("Kral", "Eva", date(1961, 4, 2), True),  # given name and birth date: she married
        ("Novak", "Iva", date(1990, 1, 1), False),
        ("Kral", "Iva", date(1961, 4, 2), False),
    ],
)
def test_likely_duplicates(alma, brno, family, given_name, born, likely):
    known = make_patient(alma, family_name="Novak", given_name="Eva", birth_date=date(1961, 4, 2))
    make_patient(brno, family_name="Novak", given_name="Eva", birth_date=date(1961, 4, 2))
    found = list(patients.likely_duplicates(alma.clinic, family, given_name, born))
    assert found == ([known] if likely else [])


def test_consent_carries_who_and_when(alma):
    patient = make_patient(alma, ai_consent=Consent.NOT_ASKED)
    assert patient.ai_consent_by is None
    patients.record_consent(patient, "ai", Consent.REFUSED, alma.doctor)
    patient.refresh_from_db()
    assert (patient.ai_consent, patient.ai_consent_by) == (Consent.REFUSED, alma.doctor)
    assert timezone.now() - patient.ai_consent_at < timedelta(minutes=1)
    assert patient.training_consent == Consent.NOT_ASKED
    assert not patient.allows_ai


def test_an_answer_is_not_taken_for_the_one_that_stood_a_moment_ago(alma):
    """Two at once: what the second one records has their own name and moment, not those of before the first."""
    patient = make_patient(alma, ai_consent=Consent.GRANTED)
    loaded_before = Patient.objects.get(id=patient.id)
    patients.record_consent(patient, "ai", Consent.REFUSED, alma.doctor)
    patients.record_consent(loaded_before, "ai", Consent.GRANTED, alma.lead)
    patient.refresh_from_db()
    assert (patient.ai_consent, patient.ai_consent_by) == (Consent.GRANTED, alma.lead)


def test_an_mrn_that_is_too_long_in_capitals_is_refused(alma):
    """Of "ß" they are two letters, and PostgreSQL would not take them."""
    patient, too_long = make_patient(alma, mrn="ß" * 20), "ß" * 21
    assert patient.mrn == "S" * 40
    for act in (
        lambda: make_patient(alma, mrn=too_long),
        lambda: patients.update(patient, by=alma.staff, mrn=too_long),
    ):
        with pytest.raises(Refused) as refusal:
            act()
        assert refusal.value.code == "mrn_too_long"


def test_the_database_refuses_a_consent_of_nobody(alma):
    patient = make_patient(alma, training_consent=Consent.NOT_ASKED)
    with pytest.raises(IntegrityError), transaction.atomic():
        Patient.objects.filter(id=patient.id).update(training_consent=Consent.GRANTED)


@pytest.mark.parametrize(
    ("day", "age"), [(date(2026, 4, 1), 64), (date(2026, 4, 2), 65), (date(1961, 4, 2), 0), (date(2026, 12, 31), 65)]
)
def test_age_in_completed_years(day, age):
    assert Patient(birth_date=date(1961, 4, 2)).age_on(day) == age
