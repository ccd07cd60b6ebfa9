"""The clinical record through the API: the same services and the same access functions as the pages."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from uuid6 import uuid7

from accounts.models import Membership
from accounts.roles import Role
from cases.models import Case, CaseState, Lesion, Patient, Prediction, Read, Urgency
from cases.record import lifecycle
from inference.models import Activation, ModelVersion
from tests.cast import make_case, make_image, make_patient, waiting_case

V1 = "/api/v1"
NEW_PATIENT = {"mrn": "ab-1", "family_name": "Horák", "given_name": "Jan", "birth_date": "1950-05-05"}


@pytest.fixture
def model(db) -> ModelVersion:
    return ModelVersion.objects.create(name="m1", path="nowhere", sha256="0" * 64, classes=["NEV"], state="active")


def make_prediction(image, model, **fields) -> Prediction:
    done = {"state": "done", "probabilities": [["NEV", 0.9], ["MEL", 0.1]], "finished_at": timezone.now()}
    return Prediction.objects.create(image=image, model_version=model, **{**done, **fields})


class TestPatients:
    def test_registers_by_the_service(self, alma, api):
        answer = api(alma.staff).post(f"{V1}/patients/", {**NEW_PATIENT, "ai_consent": "granted"}, format="json")
        assert answer.status_code == 201, answer.json()
        patient = Patient.objects.get(id=answer.json()["id"])
        assert (patient.clinic, patient.created_by) == (alma.clinic, alma.staff)
        assert patient.mrn == "AB-1"
        assert patient.family_key == "horak"
        assert patient.ai_consent_by == alma.staff

    def test_a_repeated_request_is_one_patient(self, alma, api):
        client, body = api(alma.staff), {**NEW_PATIENT, "id": str(uuid7())}
        assert client.post(f"{V1}/patients/", body, format="json").status_code == 201
        again = client.post(f"{V1}/patients/", body, format="json")
        assert again.status_code == 200
        assert again.json()["id"] == body["id"]
        assert Patient.objects.count() == 1

    def test_an_id_of_someone_elses_patient_is_taken(self, alma, brno, api):
        foreign = make_patient(brno)
        answer = api(alma.staff).post(f"{V1}/patients/", {**NEW_PATIENT, "id": str(foreign.id)}, format="json")
        assert answer.status_code == 409
        assert answer.json()["code"] == "id_taken"
        assert foreign.family_name not in answer.content.decode()

    def test_a_taken_mrn_is_a_conflict_in_the_own_clinic_only(self, alma, brno, api):
        make_patient(brno, mrn="AB-1")
        client = api(alma.staff)
        assert client.post(f"{V1}/patients/", NEW_PATIENT, format="json").status_code == 201
        answer = client.post(f"{V1}/patients/", NEW_PATIENT, format="json")
        assert (answer.status_code, answer.json()["code"]) == (409, "mrn_taken")

    def test_invalid_fields_are_named(self, alma, api):
        answer = api(alma.staff).post(f"{V1}/patients/", {**NEW_PATIENT, "birth_date": "soon"}, format="json")
        assert answer.status_code == 400
        assert set(answer.json()) == {"birth_date"}

    def test_a_birth_date_ahead_is_refused_in_words(self, alma, api):
        ahead = (timezone.localdate() + timedelta(days=2)).isoformat()
        answer = api(alma.staff).post(f"{V1}/patients/", {**NEW_PATIENT, "birth_date": ahead}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (400, "birth_date")

    def test_whoever_works_in_two_clinics_says_which(self, alma, brno, api):
        Membership.objects.create(user=alma.staff, clinic=brno.clinic, role=Role.STAFF)
        client = api(alma.staff)
        assert set(client.post(f"{V1}/patients/", NEW_PATIENT, format="json").json()) == {"clinic"}
        answer = client.post(f"{V1}/patients/", {**NEW_PATIENT, "clinic": str(brno.clinic.id)}, format="json")
        assert answer.json()["clinic"] == str(brno.clinic.id)

    def test_a_foreign_clinic_is_unknown(self, alma, brno, api):
        answer = api(alma.staff).post(f"{V1}/patients/", {**NEW_PATIENT, "clinic": str(brno.clinic.id)}, format="json")
        assert answer.status_code == 404
        assert not Patient.objects.exists()

    def test_consent_is_recorded_with_who_and_when(self, alma, api):
        patient = make_patient(alma)
        answer = api(alma.doctor).patch(f"{V1}/patients/{patient.id}/", {"ai_consent": "refused"}, format="json")
        assert answer.status_code == 200
        patient.refresh_from_db()
        assert (patient.ai_consent, patient.ai_consent_by) == ("refused", alma.doctor)

    def test_a_patient_never_moves_to_another_clinic(self, alma, brno, api):
        Membership.objects.create(user=alma.staff, clinic=brno.clinic, role=Role.STAFF)
        patient = make_patient(alma)
        api(alma.staff).patch(
            f"{V1}/patients/{patient.id}/", {"clinic": str(brno.clinic.id), "id": str(uuid7())}, format="json"
        )
        assert Patient.objects.get(id=patient.id).clinic == alma.clinic
        assert Patient.objects.count() == 1

    def test_search_stays_in_the_clinic_and_out_of_the_address(self, alma, brno, api):
        mine = make_patient(alma, family_name="Dvořák")
        make_patient(brno, family_name="Dvořák")
        client = api(alma.staff)
        found = client.post(f"{V1}/patients/search/", {"text": "dvor 1961-04-02"}, format="json").json()
        assert [one["id"] for one in found["results"]] == [str(mine.id)]
        assert found["more"] is False
        # Unknown parameters do not filter, so nobody is tempted to put a name there.
        assert len(client.get(f"{V1}/patients/?family_name=nobody").json()["results"]) == 1

    def test_nothing_deletes_a_patient(self, alma, api):
        patient = make_patient(alma)
        assert api(alma.admin).delete(f"{V1}/patients/{patient.id}/").status_code == 405


class TestCases:
    def test_from_lesion_to_worklist(self, alma, api):
        client, patient = api(alma.integration), make_patient(alma)
        lesion = client.post(
            f"{V1}/lesions/", {"patient": str(patient.id), "body_site": "nose", "side": "midline"}, format="json"
        ).json()
        logged = client.post(
            f"{V1}/cases/", {"lesion": lesion["id"], "requested_urgency": "soon", "itch": "yes"}, format="json"
        )
        assert logged.status_code == 201, logged.json()
        case = logged.json()
        assert (case["state"], case["urgency"], case["patient"]) == ("draft", "soon", str(patient.id))
        refused = client.post(f"{V1}/cases/{case['id']}/send/")
        assert (refused.status_code, refused.json()["code"]) == (409, "no_photo")
        make_image(Case.objects.get(id=case["id"]))
        sent = client.post(f"{V1}/cases/{case['id']}/send/").json()
        assert sent["state"] == "waiting"
        assert sent["waiting_since"]

    def test_a_repeated_request_is_one_case(self, alma, api):
        lesion = make_case(alma).lesion
        client, body = api(alma.staff), {"id": str(uuid7()), "lesion": str(lesion.id)}
        assert client.post(f"{V1}/cases/", body, format="json").status_code == 201
        assert client.post(f"{V1}/cases/", body, format="json").status_code == 200
        assert lesion.cases.count() == 2

    def test_answers_change_until_the_case_is_withdrawn_and_again_after(self, alma, api):
        client, case = api(alma.staff), waiting_case(alma)
        url = f"{V1}/cases/{case.id}/"
        assert client.patch(url, {"bled": "yes", "requested_urgency": "urgent"}, format="json").json()["bled"] == "yes"
        assert client.post(f"{url}withdraw/", {}, format="json").status_code == 400
        withdrawn = client.post(f"{url}withdraw/", {"reason": "Logged twice"}, format="json").json()
        assert (withdrawn["state"], withdrawn["withdrawn_reason"]) == ("withdrawn", "Logged twice")
        refused = client.patch(url, {"bled": "no"}, format="json")
        assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
        assert client.post(f"{url}restore/").json()["state"] == "waiting"
        assert Case.objects.get(id=case.id).requested_urgency == Urgency.URGENT

    def test_better_photos_are_asked_for_and_which_one(self, alma, brno, api):
        case, other = waiting_case(alma), waiting_case(alma)
        photo, url = case.images.get(), f"{V1}/cases/{case.id}/photos-wanted/"
        doctor, key = api(alma.doctor), {"Idempotency-Key": str(uuid7())}
        assert doctor.get(url).status_code == 404
        nothing = doctor.post(url, {}, format="json")
        assert (nothing.status_code, nothing.json()["code"]) == (400, "faults")
        for wrong, status in ((other.images.get(), 400), (waiting_case(brno).images.get(), 404)):
            body = {"faults": ["dark"], "photo": str(wrong.id)}
            assert doctor.post(url, body, format="json").status_code == status
        body = {"faults": ["dark", "blurred"], "note": "Closer", "photo": str(photo.id)}
        for _repeated in range(2):
            sent = doctor.post(url, body, format="json", headers=key)
            assert (sent.status_code, sent.json()["state"]) == (200, "photos")
        asked = api(alma.integration).get(url).json()
        assert (asked["faults"], asked["note"], asked["photo"]) == (["blurred", "dark"], "Closer", str(photo.id))

    def test_filters(self, alma, brno, api):
        waiting_case(brno)
        draft, waiting = make_case(alma), waiting_case(alma, requested_urgency=Urgency.SOON)
        client = api(alma.doctor)

        def ids(query: str) -> list[str]:
            answer = client.get(f"{V1}/cases/?{query}")
            assert answer.status_code == 200, answer.json()
            return [one["id"] for one in answer.json()["results"]]

        assert ids("") == [str(waiting.id), str(draft.id)]
        assert ids("state=waiting") == [str(waiting.id)]
        assert ids("state=waiting&state=draft") == [str(waiting.id), str(draft.id)]
        assert ids("urgency=soon") == [str(waiting.id)]
        assert ids(f"patient={draft.lesion.patient_id}") == [str(draft.id)]
        assert ids(f"clinic={brno.clinic.id}") == []
        assert ids(f"created_after={(timezone.now() - timedelta(hours=1)).isoformat().replace('+', '%2B')}")
        assert ids("created_before=2001-01-01T00:00:00Z") == []
        assert client.get(f"{V1}/cases/?state=lost").status_code == 400
        assert client.get(f"{V1}/cases/?patient=novak").status_code == 400


class TestReads:
    def body(self, case, **fields):
        return {
            "id": str(uuid7()),
            "case": str(case.id),
            "condition": "NEV",
            "certainty": "probable",
            "management": "discharge",
            "ai_visible": False,
            **fields,
        }

    def test_signing_twice_with_one_id_signs_once(self, alma, api):
        case, client = waiting_case(alma), api(alma.doctor)
        body = self.body(case)
        assert client.post(f"{V1}/reads/", body, format="json").status_code == 201
        assert client.post(f"{V1}/reads/", body, format="json").status_code == 200
        case.refresh_from_db()
        assert case.state == CaseState.SIGNED
        assert case.reads.count() == 1

    def test_a_read_that_missed_another_is_a_conflict(self, alma, api):
        case = waiting_case(alma)
        first = api(alma.doctor).post(f"{V1}/reads/", self.body(case), format="json").json()
        second = api(alma.lead)
        missed = second.post(f"{V1}/reads/", self.body(case), format="json")
        assert (missed.status_code, missed.json()["code"]) == (409, "conflict")
        seen = second.post(f"{V1}/reads/", self.body(case, newest_seen=first["id"]), format="json")
        assert seen.status_code == 201

    @pytest.mark.parametrize("role", [Role.STAFF, Role.ADMIN, Role.INTEGRATION])
    def test_who_is_no_doctor_does_not_sign(self, alma, api, role):
        case = waiting_case(alma)
        answer = api(alma.role(role)).post(f"{V1}/reads/", self.body(case), format="json")
        assert answer.status_code == 403
        assert not Read.objects.exists()

    def test_a_foreign_case_cannot_be_read_or_named(self, alma, brno, api):
        case = waiting_case(brno)
        assert api(alma.doctor).post(f"{V1}/reads/", self.body(case), format="json").status_code == 404

    def test_a_signed_read_is_never_changed(self, alma, api):
        case, client = waiting_case(alma), api(alma.doctor)
        read = client.post(f"{V1}/reads/", self.body(case), format="json").json()
        for method in (client.put, client.patch, client.delete):
            assert method(f"{V1}/reads/{read['id']}/").status_code == 405

    def test_the_outcome_is_recorded_once_and_corrected_after(self, alma, api):
        case, client = waiting_case(alma), api(alma.doctor)
        outcome = {"case": str(case.id), "condition": "BCC", "reported_on": "2026-03-14"}
        early = client.post(f"{V1}/outcomes/", outcome, format="json")
        assert (early.status_code, early.json()["code"]) == (409, "wrong_state")
        client.post(f"{V1}/reads/", self.body(case), format="json")
        recorded = client.post(f"{V1}/outcomes/", outcome, format="json")
        assert recorded.status_code == 201
        blind = client.post(f"{V1}/outcomes/", {**outcome, "condition": "SCC"}, format="json")
        assert (blind.status_code, blind.json()["code"]) == (409, "conflict")
        seen = {"replaces": recorded.json()["recorded_at"]}
        corrected = client.post(f"{V1}/outcomes/", {**outcome, "condition": "SCC", **seen}, format="json")
        assert (corrected.status_code, corrected.json()["condition"]) == (200, "SCC")


class TestPredictions:
    def test_shows_the_opinion_and_never_the_embedding(self, alma, api, model):
        image = make_image(make_case(alma))
        prediction = make_prediction(image, model, embedding=b"secret", maps=b"maps")
        shown = api(alma.doctor).get(f"{V1}/predictions/{prediction.id}/").json()
        assert [one["condition"] for one in shown["probabilities"]] == ["NEV", "MEL"]
        assert shown["case"] == str(image.case_id)
        assert shown["model_version"] == {"id": str(model.id), "name": "m1"}
        assert not {"embedding", "maps", "claim_token"} & set(shown)

    def test_names_a_heat_map_where_there_is_one(self, alma, api, model):
        images = [make_image(make_case(alma)) for _number in range(2)]
        flat, placed = make_prediction(images[0], model), make_prediction(images[1], model, map_rows=7, map_columns=7)
        client = api(alma.doctor)
        told = [client.get(f"{V1}/predictions/{each.id}/").json()["probabilities"][0] for each in (flat, placed)]
        assert told[0]["heatmap"] is None
        assert told[1]["heatmap"].endswith(f"/predictions/{placed.id}/heatmap/?condition=NEV")

    def test_retry_queues_what_failed_and_refuses_what_did_not(self, alma, api, model):
        prediction = make_prediction(
            make_image(make_case(alma)), model, state="failed", reason="Broke off.", probabilities=None
        )
        client = api(alma.staff)
        queued = client.post(f"{V1}/predictions/{prediction.id}/retry/").json()
        assert (queued["state"], queued["reason"]) == ("queued", "")
        again = client.post(f"{V1}/predictions/{prediction.id}/retry/")
        assert (again.status_code, again.json()["code"]) == (409, "wrong_state")

    def test_filters_by_case(self, alma, api, model):
        images = [make_image(make_case(alma)) for _ in range(2)]
        predictions = [make_prediction(image, model) for image in images]
        found = api(alma.doctor).get(f"{V1}/predictions/?case={images[0].case_id}&state=done").json()["results"]
        assert [one["id"] for one in found] == [str(predictions[0].id)]


class TestModels:
    def test_everyone_with_a_role_sees_them(self, alma, api, model):
        assert [one["name"] for one in api(alma.integration).get(f"{V1}/models/").json()["results"]] == ["m1"]

    def test_promoting_is_for_those_who_manage_models(self, alma, api, model):
        other = ModelVersion.objects.create(name="m2", path="nowhere", sha256="1" * 64, classes=["NEV"])
        url = f"{V1}/models/{other.id}/promote/"
        assert api(alma.doctor).post(url, {"reason": "Better"}, format="json").status_code == 403
        broken = api(alma.lead).post(url, {"reason": "Better"}, format="json")
        # Its bundle is not there, and the registry says so.
        assert (broken.status_code, broken.json()["code"]) == (409, "registry")
        assert not Activation.objects.exists()


class TestLists:
    LISTS = ["patients", "lesions", "cases", "images", "predictions", "reads", "outcomes"]

    def fill(self, cast, number, model):
        from cases.models import Condition
        from cases.reading import reads
        from cases.record import outcomes

        for _ in range(number):
            case = waiting_case(cast)
            make_prediction(case.images.get(), model)
            reads.sign(
                case_id=case.id,
                reader=cast.doctor,
                read_id=uuid7(),
                condition=Condition.objects.get(code="NEV"),
                certainty="certain",
                management="discharge",
                ai_visible=False,
                newest_seen=None,
            )
            outcomes.record(
                case_id=case.id,
                by=cast.doctor,
                condition=Condition.objects.get(code="NEV"),
                reported_on=timezone.localdate(),
            )

    def test_cost_the_same_at_5_and_at_30_rows(self, alma, api, model, django_assert_max_num_queries):
        client = api(alma.doctor)
        self.fill(alma, 5, model)
        costs = {}
        for name in self.LISTS:
            with django_assert_max_num_queries(6) as captured:
                assert len(client.get(f"{V1}/{name}/?page_size=200").json()["results"]) == 5
            costs[name] = len(captured)
        self.fill(alma, 25, model)
        for name in self.LISTS:
            with django_assert_max_num_queries(costs[name]):
                assert len(client.get(f"{V1}/{name}/?page_size=200").json()["results"]) == 30

    def test_pages_lose_and_repeat_nothing_while_rows_arrive(self, alma, brno, api):
        make_case(brno)
        patient = make_patient(alma)
        expected = [str(make_case(alma, patient=patient).id) for _ in range(7)]
        # All logged in one instant: the order must not hang on the clock.
        Case.objects.update(created_at=timezone.now())
        client, url, seen = api(alma.staff), f"{V1}/cases/?page_size=2", []
        while url:
            page = client.get(url).json()
            seen += [one["id"] for one in page["results"]]
            make_case(alma, patient=patient)
            url = page["next"] and "{0.path}?{0.query}".format(urlsplit(page["next"]))
        assert seen == sorted(expected, reverse=True)

    @pytest.mark.parametrize("cursor", ["nonsense", "cD1ub25zZW5zZQ%3D%3D", "bz05OTk5OTk5", "%00", "cD0lMDA%3D"])
    @pytest.mark.parametrize("name", ["cases", "patients", "conditions"])
    def test_a_made_up_cursor_is_no_error_of_ours(self, alma, api, cursor, name):
        make_case(alma)
        assert api(alma.staff).get(f"{V1}/{name}/?cursor={cursor}").status_code in (200, 404)

    def test_odd_codes_are_unknown(self, alma, api):
        client = api(alma.staff)
        for code in ("%00", "NEV%00", "..%2F", "NÆVUS"):
            assert client.get(f"{V1}/conditions/{code}/").status_code == 404
        assert client.get(f"{V1}/reads/?condition=%00").status_code == 400

    def test_the_oldest_page_is_reachable_and_the_size_is_bounded(self, alma, api):
        lesion = make_case(alma).lesion
        for _ in range(3):
            lifecycle.log_case(lesion=lesion, by=alma.staff)
        client = api(alma.staff)
        assert len(client.get(f"{V1}/cases/?page_size=100000").json()["results"]) == 4
        assert Lesion.objects.count() == 1
