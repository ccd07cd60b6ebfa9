"""The staff's pages about patients."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from cases.models import Consent, Lesion, Patient
from cases.record import patients
from tests.cast import make_case, make_image, make_patient

HTMX = {"HTTP_HX_REQUEST": "true"}


def registration(**fields) -> dict[str, str]:
    return {
        "patient_id": str(uuid4()),
        "mrn": "q-1",
        "family_name": "Quell",
        "given_name": "Rita",
        "birth_date": "1970-05-06",
        "sex": "female",
        "fitzpatrick": "2",
        "ai_consent": "granted",
        "training_consent": "refused",
        **fields,
    }


class TestSearch:
    def test_words_travel_in_the_body_and_stand_in_no_address(self, alma, sign_in):
        make_patient(alma, family_name="Müller", given_name="Eva")
        make_patient(alma, family_name="Bauer", given_name="Karl")
        client = sign_in(alma.staff)
        answer = client.post(reverse("patient_list"), {"q": "muller"})
        assert answer.headers["Location"] == f"{reverse('patient_list')}?search=last"
        found = client.get(answer.headers["Location"]).content.decode()
        assert "Müller, Eva" in found
        assert "Bauer" not in found
        assert 'value="muller"' in found
        assert "Bauer" in client.get(reverse("patient_list")).content.decode()

    def test_live_search_answers_with_the_rows_alone(self, alma, sign_in):
        make_patient(alma, family_name="Müller")
        answer = sign_in(alma.staff).post(reverse("patient_list"), {"q": "mül"}, **HTMX)
        assert answer.headers["HX-Replace-Url"] == f"{reverse('patient_list')}?search=last"
        assert "Müller" in answer.content.decode()
        assert "<html" not in answer.content.decode()

    def test_a_foreign_clinics_patient_is_not_found(self, alma, brno, sign_in):
        make_patient(brno, family_name="Müller")
        client = sign_in(alma.staff)
        for address in ("patient_list", "patient_pick"):
            page = client.post(reverse(address), {"q": "müller"}, **HTMX).content.decode()
            assert "Müller," not in page

    def test_nobody_found_leads_to_a_filled_registration(self, alma, sign_in):
        client = sign_in(alma.staff)
        page = client.post(reverse("patient_list"), {"q": "Quell Rita 06.05.1970"}, follow=True).content.decode()
        assert "No one found" in page
        form = client.get(f"{reverse('patient_new')}?search=last").context["form"]
        assert form.initial["family_name"] == "Quell"
        assert form.initial["given_name"] == "Rita"
        assert form.initial["birth_date"] == date(1970, 5, 6)

    @pytest.mark.parametrize("words", ["", "\x00", "x" * 500, "%", "31.02.1961"])
    def test_odd_words_break_nothing(self, alma, sign_in, words):
        assert sign_in(alma.staff).post(reverse("patient_list"), {"q": words}, follow=True).status_code == 200

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("van der berg", True),
            ("jan van der", True),
            ("berg, van der", False),
            ("van der berg, jan", True),
            ("jan berg", False),
            ("van der karl", False),
        ],
    )
    @pytest.mark.parametrize("many", [0, 1000])
    def test_names_of_several_words(self, alma, text, found, many, monkeypatch):
        """Whether few match or many, which PostgreSQL is asked for in two ways."""
        monkeypatch.setattr("cases.record.patients.MOST_FOUND", many)
        make_patient(alma, family_name="van der Berg", given_name="Jan")
        assert patients.search(Patient.objects.all(), text).exists() == found

    def test_who_matches_twice_is_counted_once(self, alma):
        both = make_patient(alma, family_name="Martin", given_name="Martina", mrn="martha")
        found, number = patients.find(Patient.objects.all(), "mart")
        assert (list(patients.whole(found[:5])), number) == ([both], 1)

    @pytest.mark.parametrize("rows", [10, 100])
    def test_the_list_costs_the_same_at_any_size(self, alma, sign_in, rows, django_assert_max_num_queries):
        for _ in range(rows):
            make_patient(alma)
        make_case(alma, Patient.objects.first())
        client = sign_in(alma.staff)
        client.post(reverse("patient_list"), {"q": "novak"})
        with django_assert_max_num_queries(7):
            page = client.get(f"{reverse('patient_list')}?search=last")
        assert len(page.context["page"]) == min(rows, 25)
        names = [patient.family_key for patient in page.context["page"]]
        assert names == sorted(names)
        assert sum(patient.case_count for patient in page.context["page"]) == 1
        assert page.context["page"].paginator.count == rows

    def test_it_leafs_through_the_first_and_says_that_there_are_more(self, alma, sign_in, monkeypatch):
        monkeypatch.setattr("cases.record.patients.MOST_FOUND", 2)
        for _ in range(2):
            make_patient(alma)
        client = sign_in(alma.staff)
        assert "Search for the others" not in client.get(reverse("patient_list")).content.decode()
        make_patient(alma)
        page = client.get(reverse("patient_list"))
        assert "The first 2 patients. Search for the others" in page.content.decode()
        assert page.context["page"].paginator.count == 2


class TestRegistering:
    def test_it_records_details_and_consents_with_who_and_when(self, alma, sign_in):
        answer = sign_in(alma.staff).post(reverse("patient_new"), registration())
        patient = Patient.objects.get()
        assert answer.headers["Location"] == reverse("patient_detail", args=[patient.id])
        assert (patient.clinic, patient.created_by, patient.mrn) == (alma.clinic, alma.staff, "Q-1")
        assert (patient.ai_consent, patient.ai_consent_by) == (Consent.GRANTED, alma.staff)
        assert (patient.training_consent, patient.training_consent_by) == (Consent.REFUSED, alma.staff)
        assert timezone.now() - patient.ai_consent_at < timedelta(minutes=1)

    def test_a_double_click_registers_once(self, alma, sign_in):
        client, form = sign_in(alma.staff), registration()
        first, second = client.post(reverse("patient_new"), form), client.post(reverse("patient_new"), form)
        assert first.headers["Location"] == second.headers["Location"]
        assert Patient.objects.count() == 1

    def test_another_person_in_a_page_that_back_brought_is_not_taken_for_the_first(self, alma, sign_in):
        client, form = sign_in(alma.staff), registration()
        client.post(reverse("patient_new"), form)
        answer = client.post(reverse("patient_new"), {**form, "mrn": "q-2", "given_name": "Rosa"})
        assert answer.status_code == 422
        assert "registered already" in answer.content.decode()
        assert Patient.objects.count() == 1

    def test_from_a_new_case_it_goes_back_to_it(self, alma, sign_in):
        answer = sign_in(alma.staff).post(reverse("patient_new"), registration(then="case"))
        assert answer.headers["Location"] == f"{reverse('case_new')}?patient={Patient.objects.get().id}"

    def test_a_likely_duplicate_must_be_waved_through(self, alma, brno, sign_in):
        known = make_patient(alma, family_name="Quell", given_name="Rita", birth_date=date(1950, 1, 1))
        make_patient(brno, family_name="Quell", given_name="Rita", mrn="BRNO-7")
        client, form = sign_in(alma.staff), registration()
        page = client.post(reverse("patient_new"), form)
        assert page.status_code == 422
        assert page.context["likely"] == [known]
        text = page.content.decode()
        assert reverse("patient_detail", args=[known.id]) in text
        assert "BRNO-7" not in text
        assert 'value="Quell"' in text
        assert Patient.objects.filter(clinic=alma.clinic).count() == 1

        client.post(reverse("patient_new"), {**form, "waved_through": str(known.id)})
        assert Patient.objects.filter(clinic=alma.clinic).count() == 2

    def test_waving_one_through_does_not_wave_another(self, alma, sign_in):
        known = make_patient(alma, family_name="Quell", given_name="Rita")
        also = make_patient(alma, family_name="Quell", given_name="Rita")
        form = registration(waved_through=str(known.id))
        page = sign_in(alma.staff).post(reverse("patient_new"), form)
        assert set(page.context["likely"]) == {known, also}

    def test_a_taken_mrn_names_its_holder_and_keeps_what_was_typed(self, alma, sign_in):
        holder = make_patient(alma, family_name="Holder", mrn="Q-1")
        page = sign_in(alma.staff).post(reverse("patient_new"), registration())
        assert page.status_code == 422
        assert "mrn" in page.context["form"].errors
        assert page.context["holder"] == holder
        assert 'value="Rita"' in page.content.decode()

    @pytest.mark.parametrize("born", ["", "2999-01-01", "0061-04-02", "31.2.1961"])
    def test_an_impossible_birth_date_is_said_at_the_field(self, alma, sign_in, born):
        page = sign_in(alma.staff).post(reverse("patient_new"), registration(birth_date=born))
        assert page.status_code == 422
        assert list(page.context["form"].errors) == ["birth_date"]
        assert not Patient.objects.exists()


class TestOnePatient:
    def test_it_shows_details_consents_lesions_and_cases(self, alma, brno, sign_in):
        patient = make_patient(alma, family_name="Quell")
        case = make_case(alma, patient)
        image = make_image(case)
        page = sign_in(alma.doctor).get(reverse("patient_detail", args=[patient.id])).content.decode()
        for text in ("Quell", "Left forearm", case.reference, str(image.id), f"recorded by {alma.staff}"):
            assert text in page
        assert f"?patient={patient.id}&amp;lesion={case.lesion_id}" in page
        assert sign_in(brno.doctor).get(reverse("patient_detail", args=[patient.id])).status_code == 404

    @pytest.mark.parametrize("visits", [10, 100])
    def test_it_costs_the_same_with_any_number_of_cases(self, alma, sign_in, visits, django_assert_max_num_queries):
        patient = make_patient(alma)
        lesions = [Lesion.objects.create(patient=patient, body_site="back") for _ in range(visits // 5)]
        for visit in range(visits):
            case = make_case(alma, patient)
            case.lesion = lesions[visit % len(lesions)]
            case.save()
            make_image(case)
        client = sign_in(alma.staff)
        with django_assert_max_num_queries(8):
            client.get(reverse("patient_detail", args=[patient.id]))

    def test_details_are_corrected_by_its_clinic_only(self, alma, brno, sign_in):
        patient = make_patient(alma)
        address = reverse("patient_edit", args=[patient.id])
        form = registration(seen=patients.stamp(patient))
        assert sign_in(brno.staff).post(address, form).status_code == 404
        answer = sign_in(alma.staff).post(address, form)
        assert answer.headers["Location"] == reverse("patient_detail", args=[patient.id])
        patient.refresh_from_db()
        assert (patient.family_name, patient.family_key, patient.mrn) == ("Quell", "quell", "Q-1")

    def test_two_who_edit_at_once_do_not_overwrite_each_other_unseen(self, alma, sign_in):
        patient = make_patient(alma, family_name="Quell", given_name="Rita")
        address = reverse("patient_edit", args=[patient.id])
        client = sign_in(alma.staff)
        seen = client.get(address).context["form"].initial["seen"]
        patients.update(patient, by=alma.staff, given_name="Margarita")

        form = registration(given_name="Greta", seen=seen)
        page = client.post(address, form)
        assert page.status_code == 422
        assert ("Given name", "Margarita", "Greta") in page.context["theirs"]
        assert 'value="Greta"' in page.content.decode()
        patient.refresh_from_db()
        assert patient.given_name == "Margarita"

        again = page.context["form"]["seen"].value()
        client.post(address, {**form, "seen": again})
        patient.refresh_from_db()
        assert patient.given_name == "Greta"

    def test_an_mrn_that_is_too_long_in_capitals_is_refused_at_its_field(self, alma, sign_in):
        patient, client = make_patient(alma), sign_in(alma.staff)
        form = registration(mrn="ß" * 21, seen=patients.stamp(patient))
        page = client.post(reverse("patient_edit", args=[patient.id]), form)
        assert (page.status_code, list(page.context["form"].errors)) == (422, ["mrn"])

    def test_the_banner_keeps_the_recorded_name_while_a_correction_is_refused(self, alma, sign_in):
        make_patient(alma, mrn="TAKEN")
        patient = make_patient(alma, family_name="Quell")
        form = registration(mrn="taken", family_name="Mistyped", seen=patients.stamp(patient))
        page = sign_in(alma.staff).post(reverse("patient_edit", args=[patient.id]), form)
        assert page.context["patient"].family_name == "Quell"
        assert list(page.context["form"].errors) == ["mrn"]

    def test_consent_is_recorded_with_who_asked(self, alma, brno, sign_in):
        patient = make_patient(alma, training_consent=Consent.NOT_ASKED)
        address = reverse("patient_consent", args=[patient.id])
        granted = {"kind": "training", "consent": "granted"}
        assert sign_in(brno.staff).post(address, granted).status_code == 404
        sign_in(alma.doctor).post(address, granted)
        patient.refresh_from_db()
        assert (patient.training_consent, patient.training_consent_by) == (Consent.GRANTED, alma.doctor)
        sign_in(alma.staff).post(address, {"kind": "sharing", "consent": "granted"})
        sign_in(alma.staff).post(address, {"kind": "ai", "consent": "perhaps"})
        patient.refresh_from_db()
        assert patient.ai_consent == Consent.GRANTED
