"""The admin pages: what they show to whom, what they change and through which service, what they cost."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiToken, Membership, User
from accounts.roles import Role
from cases.jobs import heartbeat
from cases.models import Case, Patient, Prediction, Urgency
from inference.models import ModelVersion
from tests.access.world import make_models, make_side
from tests.cast import make_case, make_image, make_patient, make_person, waiting_case

LISTS = [
    "cases_patient",
    "cases_lesion",
    "cases_case",
    "cases_lesionimage",
    "cases_prediction",
    "cases_read",
    "cases_outcome",
    "accounts_user",
    "accounts_membership",
    "accounts_apitoken",
]


@pytest.fixture
def side(db, tmp_path):
    return make_side("Admin", "Almanova", make_models(), tmp_path / "media")


class TestStartPage:
    def test_shows_the_own_clinics_figures(self, alma, brno, sign_in, django_assert_max_num_queries):
        model = ModelVersion.objects.create(name="m1", path="x", sha256="1" * 64, classes=[], state="active")
        for cast in (alma, alma, brno):
            case = waiting_case(cast)
            Prediction.objects.create(image=case.images.get(), model_version=model, state="failed", reason="Broke off.")
        oldest = waiting_case(alma, requested_urgency=Urgency.URGENT)
        Case.objects.filter(id=oldest.id).update(waiting_since=timezone.now() - timedelta(days=3))
        cache.set(heartbeat.KEY, timezone.now(), timeout=None)
        client = sign_in(alma.admin)
        with django_assert_max_num_queries(8):
            answer = client.get(reverse("admin:index"))
        today = answer.context["today"]
        assert today.waiting == 3
        assert {tier.urgency: tier.waiting for tier in today.tiers} == {
            Urgency.URGENT: 1,
            Urgency.SOON: 0,
            Urgency.ROUTINE: 2,
        }
        assert timezone.now() - today.oldest > timedelta(days=2)
        assert (today.queued, today.failed, today.model) == (0, 2, model)
        assert not today.worker_is_silent
        assert reverse("admin:cases_prediction_changelist") + "?state__exact=failed" in answer.content.decode()

    def test_says_when_the_worker_is_silent_and_no_model_is_active(self, alma, sign_in):
        cache.set(heartbeat.KEY, timezone.now() - timedelta(minutes=2), timeout=None)
        answer = sign_in(alma.lead).get(reverse("admin:index"))
        assert answer.context["today"].worker_is_silent
        assert "No active model" in answer.content.decode()

    def test_a_cache_that_is_down_takes_no_figures_with_it(self, alma, sign_in, settings):
        settings.CACHES = {
            "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
        }
        assert sign_in(alma.lead).get(reverse("admin:index")).context["today"].heartbeat is None


class TestSigningIn:
    def test_goes_through_the_one_sign_in_page(self, client, db):
        answer = client.get(reverse("admin:index"), follow=True)
        assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))

    def test_the_admins_own_form_takes_no_password(self, client, alma):
        alma.admin.set_password("correct-horse-battery")
        alma.admin.save()
        client.post(reverse("admin:login"), {"username": alma.admin.email, "password": "correct-horse-battery"})
        assert "_auth_user_id" not in client.session


class TestSearching:
    def test_keeps_the_words_out_of_the_address(self, alma, brno, sign_in):
        mine = make_patient(alma, family_name="Dvořák")
        make_patient(alma, family_name="Other")
        make_patient(brno, family_name="Dvořák")
        client, url = sign_in(alma.admin), reverse("admin:cases_patient_changelist")
        answer = client.post(url, {"search": "dvor"})
        assert answer.status_code == 302
        assert "dvor" not in answer.url.lower()
        found = client.get(answer.url)
        assert [patient.pk for patient in found.context["cl"].result_list] == [mine.pk]
        assert 'value="dvor"' in found.content.decode()

    def test_keeps_the_filters_and_forgets_with_the_session(self, alma, sign_in):
        client, url = sign_in(alma.admin), reverse("admin:cases_case_changelist")
        answer = client.post(f"{url}?state__exact=waiting", {"search": "novak"})
        assert "state__exact=waiting" in answer.url
        client.session.flush()
        assert sign_in(alma.admin).get(answer.url).context["cl"].search_words == ""

    def test_finds_a_case_by_number_and_by_patient(self, alma, sign_in):
        case = make_case(alma, patient=make_patient(alma, family_name="Zelenka"))
        make_case(alma)
        client, url = sign_in(alma.admin), reverse("admin:cases_case_changelist")
        for words in (str(case.number), f"Case {case.number}", "zelenka"):
            answer = client.post(url, {"search": words}, follow=True)
            assert [one.pk for one in answer.context["cl"].result_list] == [case.pk], words

    @pytest.mark.parametrize("words", ["", "~forged", "9" * 40, "%", "'; --", "\x00", "novak 31.02.2020"])
    def test_odd_words_are_no_error(self, alma, sign_in, words):
        make_case(alma)
        client = sign_in(alma.admin)
        for name in LISTS:
            answer = client.post(reverse(f"admin:{name}_changelist"), {"search": words}, follow=True)
            assert answer.status_code == 200
        assert client.get(reverse("admin:cases_case_changelist"), {"q": words}).status_code == 200


def test_odd_ids_are_unknown(alma, sign_in):
    client = sign_in(alma.admin)
    for address in ("cases/condition/%00", "accounts/apitoken/a%00", "cases/case/1", "cases/patient/_5F"):
        assert client.get(f"/admin/{address}/change/").status_code == 404


class TestPatients:
    def form(self, patient, **fields):
        names = ("mrn", "family_name", "given_name", "sex", "fitzpatrick", "ai_consent", "training_consent")
        return {
            **{name: getattr(patient, name) for name in names},
            "birth_date": patient.birth_date.isoformat(),
            **fields,
        }

    def test_changes_go_through_the_services(self, alma, sign_in):
        patient = make_patient(alma)
        url = reverse("admin:cases_patient_change", args=[patient.pk])
        form = self.form(patient, family_name="Müller", mrn="ab-9", training_consent="granted")
        assert sign_in(alma.admin).post(url, form).status_code == 302
        patient.refresh_from_db()
        assert (patient.family_key, patient.mrn) == ("muller", "AB-9")
        assert (patient.training_consent, patient.training_consent_by) == ("granted", alma.admin)
        assert patient.training_consent_at
        assert patient.ai_consent_by == alma.staff

    def test_an_mrn_that_cannot_be_is_refused_at_its_field(self, alma, sign_in):
        patient, other = make_patient(alma), make_patient(alma)
        url = reverse("admin:cases_patient_change", args=[patient.pk])
        client = sign_in(alma.admin)
        for taken_or_too_long in (other.mrn.lower(), "ß" * 21):
            answer = client.post(url, self.form(patient, mrn=taken_or_too_long))
            assert "mrn" in answer.context["adminform"].form.errors
        assert Patient.objects.get(pk=patient.pk).mrn == patient.mrn


class TestCases:
    def test_an_open_case_is_corrected_through_the_service(self, alma, sign_in):
        case = waiting_case(alma)
        url = reverse("admin:cases_case_change", args=[case.pk])
        form = {name: getattr(case, name) for name in Case.QUESTIONS}
        answer = sign_in(alma.lead).post(url, {**form, "itch": "yes", "requested_urgency": 1, "note": "See soon."})
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        case.refresh_from_db()
        assert (case.itch, case.urgency, case.note) == ("yes", Urgency.URGENT, "See soon.")

    def test_a_signed_case_is_shown_only(self, side, sign_in):
        url = reverse("admin:cases_case_change", args=[side.signed.pk])
        client = sign_in(side.cast.lead)
        assert client.get(url).status_code == 200
        assert client.post(url, {"note": "Changed"}).status_code == 403


class TestPredictions:
    def act(self, client, action, *predictions):
        chosen = {"action": action, "_selected_action": [str(one.pk) for one in predictions]}
        return client.post(reverse("admin:cases_prediction_changelist"), chosen, follow=True)

    def test_retry_says_how_many(self, side, sign_in):
        answer = self.act(sign_in(side.cast.admin), "retry", side.failed, side.prediction)
        said = [str(message) for message in answer.context["messages"]]
        assert said[0] == "1 prediction is queued."
        assert said[1].startswith("1 was left as it is")
        side.failed.refresh_from_db()
        assert side.failed.state == "queued"

    def test_run_again_asks_the_active_model(self, side, sign_in):
        self.act(sign_in(side.cast.admin), "run_again", side.failed)
        side.prediction.refresh_from_db()  # the active model's own opinion of the same photo
        assert side.prediction.state == "queued"

    def test_a_foreign_clinics_row_cannot_be_chosen(self, side, brno, sign_in):
        foreign = Prediction.objects.create(
            image=make_image(make_case(brno)), model_version=side.model, state="failed", reason="Broke off."
        )
        self.act(sign_in(side.cast.admin), "retry", foreign)
        foreign.refresh_from_db()
        assert foreign.state == "failed"


class TestPeople:
    def new(self, clinic, **fields):
        return {"name": "Nina New", "email": "Nina@Example.org", "clinic": clinic.pk, "role": "doctor", **fields}

    def test_a_new_person_has_one_role_in_the_own_clinic_and_no_password(self, alma, sign_in):
        answer = sign_in(alma.admin).post(reverse("admin:accounts_user_add"), self.new(alma.clinic))
        assert answer.status_code == 302
        person = User.objects.get(email="nina@example.org")
        assert not person.has_usable_password()
        assert [(one.clinic, one.role) for one in person.memberships.all()] == [(alma.clinic, "doctor")]

    def test_a_role_in_a_foreign_clinic_cannot_be_given(self, alma, brno, sign_in):
        client = sign_in(alma.admin)
        client.post(reverse("admin:accounts_user_add"), self.new(brno.clinic))
        assert not User.objects.filter(email="nina@example.org").exists()
        form = {"user": alma.staff.pk, "clinic": brno.clinic.pk, "role": "doctor"}
        client.post(reverse("admin:accounts_membership_add"), form)
        assert not Membership.objects.filter(user=alma.staff, clinic=brno.clinic).exists()

    def test_an_address_in_use_is_refused_at_its_field(self, alma, brno, sign_in):
        answer = sign_in(alma.admin).post(
            reverse("admin:accounts_user_add"), self.new(alma.clinic, email=brno.staff.email.upper())
        )
        assert "email" in answer.context["adminform"].form.errors

    def change(self, person, **fields):
        rows = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
        return {"name": person.name, "email": person.email, "is_active": "on", **rows, **fields}

    def test_people_are_switched_off_and_never_deleted(self, alma, sign_in):
        client, url = sign_in(alma.admin), reverse("admin:accounts_user_change", args=[alma.doctor.pk])
        form = self.change(alma.doctor)
        del form["is_active"]
        assert client.post(url, form).status_code == 302
        alma.doctor.refresh_from_db()
        assert not alma.doctor.is_active
        delete = reverse("admin:accounts_user_delete", args=[alma.doctor.pk])
        assert client.post(delete, {"post": "yes"}).status_code == 403

    def test_nobody_switches_themselves_off_or_becomes_operator(self, alma, sign_in):
        form = self.change(alma.admin, is_superuser="on")
        del form["is_active"]
        sign_in(alma.admin).post(reverse("admin:accounts_user_change", args=[alma.admin.pk]), form)
        alma.admin.refresh_from_db()
        assert (alma.admin.is_active, alma.admin.is_superuser) == (True, False)

    def test_who_works_elsewhere_too_keeps_their_account(self, alma, brno, sign_in):
        Membership.objects.create(user=alma.doctor, clinic=brno.clinic, role=Role.DOCTOR)
        client = sign_in(alma.admin)
        url = reverse("admin:accounts_user_change", args=[alma.doctor.pk])
        client.post(url, self.change(alma.doctor, email="thief@example.org"))
        alma.doctor.refresh_from_db()
        assert alma.doctor.email != "thief@example.org"
        assert brno.clinic.name not in client.get(url).content.decode()
        first = reverse("admin:accounts_user_first_password", args=[alma.doctor.pk])
        assert client.post(first).status_code == 403

    def test_a_first_password_is_shown_once_and_works(self, alma, sign_in):
        url = reverse("admin:accounts_user_first_password", args=[alma.staff.pk])
        client = sign_in(alma.admin)
        assert client.get(url).context["password"] is None
        password = client.post(url).context["password"]
        alma.staff.refresh_from_db()
        assert alma.staff.check_password(password)

    def test_a_link_to_set_a_password_is_mailed(self, alma, sign_in, settings):
        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        EmailAddress.objects.create(user=alma.staff, email=alma.staff.email, verified=True, primary=True)
        chosen = {"action": "send_password_link", "_selected_action": [str(alma.staff.pk)]}
        sign_in(alma.admin).post(reverse("admin:accounts_user_changelist"), chosen)
        assert [message.to for message in mail.outbox] == [[alma.staff.email]]

    def test_autocomplete_names_the_own_people_only(self, alma, brno, sign_in):
        query = {"app_label": "accounts", "model_name": "membership", "field_name": "user", "term": "Person"}
        answer = sign_in(alma.admin).get(reverse("admin:autocomplete"), query)
        ids = {one["id"] for one in answer.json()["results"]}
        assert str(alma.staff.pk) in ids
        assert str(brno.staff.pk) not in ids


class TestTokens:
    def test_is_shown_once_and_signs_in(self, alma, sign_in, client):
        form = {"user": alma.integration.pk, "name": "Ward system"}
        answer = sign_in(alma.admin).post(reverse("admin:accounts_apitoken_add"), form)
        text = answer.context["text"]
        assert "no-store" in answer.headers["Cache-Control"]
        assert text not in str(answer.cookies)
        me = client.get("/api/v1/me/", headers={"Authorization": f"Token {text}"})
        assert me.json()["email"] == alma.integration.email
        listed = sign_in(alma.admin).get(reverse("admin:accounts_apitoken_changelist")).content.decode()
        assert text not in listed
        assert "Ward system" in listed

    def test_nobody_makes_a_token_that_signs_as_a_doctor(self, alma, brno, sign_in):
        client = sign_in(alma.admin)
        shared = make_person(alma.clinic, Role.INTEGRATION)
        Membership.objects.create(user=shared, clinic=brno.clinic, role=Role.INTEGRATION)
        for holder in (alma.doctor, brno.integration, shared):
            client.post(reverse("admin:accounts_apitoken_add"), {"user": holder.pk, "name": "Mine"})
        assert not ApiToken.objects.exists()

    def test_is_revoked_after_a_question(self, alma, sign_in):
        held, _text = ApiToken.objects.create(alma.integration, name="Old")
        client, url = sign_in(alma.admin), reverse("admin:accounts_apitoken_delete", args=[held.pk])
        assert "Are you sure" in client.get(url).content.decode()
        client.post(url, {"post": "yes"})
        assert not ApiToken.objects.exists()


class TestModels:
    def test_lead_to_their_own_pages(self, side, sign_in):
        client = sign_in(side.cast.lead)
        for record in (side.candidate, side.comparison, side.activation):
            name = f"admin:{record._meta.app_label}_{record._meta.model_name}_change"
            shown = client.get(reverse(name, args=[record.pk])).content.decode()
            assert "_save" not in shown
        shown = client.get(reverse("admin:inference_modelversion_change", args=[side.candidate.pk])).content.decode()
        assert reverse("model_detail", args=[side.candidate.pk]) in shown


def test_the_operator_sees_all_and_edits_the_vocabulary(side, brno, sign_in):
    make_patient(brno, family_name="Brnovska")
    client = sign_in(User.objects.create_superuser("operator@example.org", name="Operator"))
    listed = client.get(reverse("admin:cases_patient_changelist")).content.decode()
    assert "Brnovska" in listed
    assert "Almanova" in listed
    url = reverse("admin:cases_condition_change", args=["NEV"])
    form = {"name": "Mole", "icd10": "D22", "malignant": "false", "urgency": 3, "synonyms": "[]"}
    assert client.post(url, form).status_code == 302
    side.condition.refresh_from_db()
    assert (side.condition.name, side.condition.is_offered) == ("Mole", False)


def test_history_shows_what_changed_and_who_did_it(alma, sign_in):
    patient = make_patient(alma)
    client = sign_in(alma.admin)
    form = TestPatients().form(patient, given_name="Iva")
    client.post(reverse("admin:cases_patient_change", args=[patient.pk]), form)
    shown = client.get(reverse("admin:cases_patient_history", args=[patient.pk])).content.decode()
    assert "Iva" in shown
    assert alma.admin.name in shown
    assert "<style" not in shown
