"""The staff's pages about cases: new, change, send, withdraw, restore."""

from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from cases.models import Answer, Case, CaseState, ImageKind, Lesion, Urgency
from cases.record import lifecycle
from tests.cast import make_case, make_image, make_patient, photo, waiting_case

SCRIPT = {"HTTP_ACCEPT": "application/json"}


def new_case(patient, **fields) -> dict[str, object]:
    return {
        "patient": str(patient.id),
        "case_id": str(uuid4()),
        "lesion": "new",
        "body_site": "nose",
        "side": "midline",
        "bled": "yes",
        "requested_urgency": "2",
        "note": "since spring",
        "action": "draft",
        **fields,
    }


def answers(**fields) -> dict[str, object]:
    return {**dict.fromkeys(Case.QUESTIONS, "unknown"), "requested_urgency": "3", "note": "", **fields}


def upload(name: str = "a.jpg", seed: int = 0) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, photo(seed=seed), content_type="image/jpeg")


class TestNewCase:
    def test_it_begins_with_the_search_for_the_patient(self, alma, sign_in):
        make_patient(alma, family_name="Quell")
        client = sign_in(alma.staff)
        assert "Find the patient" in client.get(reverse("case_new")).content.decode()
        found = client.post(reverse("patient_pick"), {"q": "que"}).content.decode()
        assert "Quell" in found

    def test_a_foreign_patient_or_lesion_is_not_there(self, alma, brno, sign_in):
        case = make_case(brno)
        client = sign_in(alma.staff)
        for wish in (f"?patient={case.lesion.patient_id}", f"?lesion={case.lesion_id}", "?patient=none"):
            assert client.get(reverse("case_new") + wish).status_code == 404
        assert client.post(reverse("case_new"), new_case(case.lesion.patient)).status_code == 404
        own = make_patient(alma)
        assert client.post(reverse("case_new"), new_case(own, lesion=str(case.lesion_id))).status_code == 404
        assert Case.objects.count() == 1

    def test_a_draft_with_a_new_lesion(self, alma, sign_in):
        patient = make_patient(alma)
        answer = sign_in(alma.staff).post(reverse("case_new"), new_case(patient, place_note="left wing"))
        case = Case.objects.get()
        assert answer.headers["Location"] == reverse("case_detail", args=[case.id])
        assert (case.state, case.bled, case.itch) == (CaseState.DRAFT, Answer.YES, Answer.UNKNOWN)
        assert (case.requested_urgency, case.note) == (Urgency.SOON, "since spring")
        assert (case.lesion.body_site, case.lesion.side, case.lesion.note) == ("nose", "midline", "left wing")
        assert str(patient.family_name) not in answer.headers["Location"]

    def test_a_lesion_that_the_patient_has(self, alma, sign_in):
        first = make_case(alma)
        patient, client = first.lesion.patient, sign_in(alma.staff)
        image = make_image(first)
        page = client.get(f"{reverse('case_new')}?lesion={first.lesion_id}")
        assert reverse("photo_thumbnail", args=[image.id]) in page.content.decode()
        assert page.context["form"]["lesion"].value() == str(first.lesion_id)
        client.post(reverse("case_new"), new_case(patient, lesion=str(first.lesion_id), body_site=""))
        assert Case.objects.filter(lesion=first.lesion).count() == 2

    @pytest.mark.parametrize("visits", [10, 100])
    def test_it_costs_the_same_with_any_number_of_lesions(self, alma, sign_in, visits, django_assert_max_num_queries):
        patient = make_patient(alma)
        for _ in range(visits):
            make_image(make_case(alma, patient))
        client = sign_in(alma.staff)
        with django_assert_max_num_queries(10):
            client.get(f"{reverse('case_new')}?patient={patient.id}")

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"body_site": ""}, "body_site"),
            ({"lesion": ""}, "lesion"),
            ({"requested_urgency": "9"}, "requested_urgency"),
        ],
    )
    def test_what_is_missing_is_said_at_the_field_and_the_rest_kept(self, alma, sign_in, wrong, field):
        patient = make_patient(alma)
        page = sign_in(alma.staff).post(reverse("case_new"), new_case(patient, **wrong))
        assert page.status_code == 422
        assert list(page.context["form"].errors) == [field]
        assert "since spring" in page.content.decode()
        assert not Case.objects.exists()
        assert not Lesion.objects.exists()

    def test_a_double_click_is_one_case_and_one_lesion(self, alma, sign_in):
        client, form = sign_in(alma.staff), new_case(make_patient(alma))
        first, second = client.post(reverse("case_new"), form), client.post(reverse("case_new"), form)
        assert first.headers["Location"] == second.headers["Location"]
        assert (Case.objects.count(), Lesion.objects.count()) == (1, 1)

    def test_the_script_saves_a_draft_and_goes_on_with_it(self, alma, sign_in):
        patient, client = make_patient(alma), sign_in(alma.staff)
        form = new_case(patient)
        answer = client.post(reverse("case_new"), form, **SCRIPT).json()
        case = Case.objects.get()
        assert answer["upload_url"] == reverse("photo_upload", args=[case.id])
        # Meanwhile the nose turned out to be an ear, and the final form goes to the draft's own address.
        final = {**form, "body_site": "ear", "side": "left", "hurt": "yes", "seen": answer["seen"]}
        client.post(answer["change_url"], final)
        case.refresh_from_db()
        assert (case.hurt, case.lesion.place) == (Answer.YES, "Left ear")
        assert Lesion.objects.count() == 1

    def test_the_script_is_told_what_is_missing(self, alma, sign_in):
        answer = sign_in(alma.staff).post(reverse("case_new"), new_case(make_patient(alma), body_site=""), **SCRIPT)
        assert answer.status_code == 422
        assert list(answer.json()["errors"]) == ["body_site"]

    def test_a_draft_moves_to_a_known_lesion_and_leaves_none_behind(self, alma, sign_in):
        known = make_case(alma).lesion
        client, form = sign_in(alma.staff), new_case(known.patient)
        client.post(reverse("case_new"), form)
        case = Case.objects.get(id=form["case_id"])
        client.post(reverse("case_change", args=[case.id]), {**form, "lesion": str(known.id)})
        case.refresh_from_db()
        assert case.lesion == known
        assert Lesion.objects.count() == 1

    def test_an_id_of_another_patients_case_is_refused(self, alma, sign_in):
        other, patient = make_case(alma), make_patient(alma)
        page = sign_in(alma.staff).post(reverse("case_new"), new_case(patient, case_id=str(other.id)))
        assert page.status_code == 422
        assert "logged already" in page.content.decode()

    def test_without_the_script_photos_come_with_the_form_and_the_case_is_sent(self, alma, sign_in):
        form = new_case(make_patient(alma), photos=[upload(seed=1), upload(seed=2)], action="send")
        sign_in(alma.staff).post(reverse("case_new"), form)
        case = Case.objects.get()
        assert case.state == CaseState.WAITING
        assert case.images.count() == 2

    def test_a_refused_photo_keeps_the_draft_and_the_good_photos(self, alma, sign_in):
        letter = SimpleUploadedFile("Quell letter.pdf", b"%PDF-1.4", content_type="application/pdf")
        client = sign_in(alma.staff)
        form = new_case(make_patient(alma), photos=[letter, upload()], action="send")
        answer = client.post(reverse("case_new"), form)
        case = Case.objects.get()
        assert answer.headers["Location"] == reverse("case_change", args=[case.id])
        assert (case.state, case.images.count()) == (CaseState.DRAFT, 1)
        assert "Photo 1:" in client.get(answer.headers["Location"]).content.decode()

    def test_sending_without_a_photo_keeps_the_draft_and_says_so(self, alma, sign_in):
        answer = sign_in(alma.staff).post(reverse("case_new"), new_case(make_patient(alma), action="send"), follow=True)
        assert "Add at least one photo" in answer.content.decode()
        assert Case.objects.get().state == CaseState.DRAFT


class TestChange:
    def test_answers_note_and_urgency_of_a_waiting_case(self, alma, brno, sign_in):
        case = waiting_case(alma)
        address = reverse("case_change", args=[case.id])
        assert sign_in(brno.staff).get(address).status_code == 404
        assert sign_in(brno.staff).post(address, answers()).status_code == 404
        client = sign_in(alma.staff)
        assert "Left forearm" in client.get(address).content.decode()
        client.post(address, answers(itch="yes", note="worse", requested_urgency="1"))
        case.refresh_from_db()
        assert (case.itch, case.note, case.urgency, case.state) == ("yes", "worse", Urgency.URGENT, CaseState.WAITING)

    def test_two_who_change_at_once_do_not_overwrite_each_other_unseen(self, alma, sign_in):
        case = waiting_case(alma)
        address, client = reverse("case_change", args=[case.id]), sign_in(alma.staff)
        seen = client.get(address).context["form"].initial["seen"]
        lifecycle.change(case.id, note="theirs")
        page = client.post(address, answers(note="mine", seen=seen))
        assert page.status_code == 422
        assert page.context["theirs"] == [("Note for the doctor", "theirs", "mine")]
        case.refresh_from_db()
        assert case.note == "theirs"
        client.post(address, answers(note="mine", seen=page.context["form"]["seen"].value()))
        case.refresh_from_db()
        assert case.note == "mine"

    def test_a_closed_case_is_not_changed(self, alma, sign_in):
        case = waiting_case(alma)
        lifecycle.withdraw(case.id, "mistake")
        answer = sign_in(alma.staff).post(reverse("case_change", args=[case.id]), answers(note="late"))
        assert answer.headers["Location"] == reverse("case_detail", args=[case.id])
        case.refresh_from_db()
        assert case.note == ""

    def test_a_colleague_goes_on_with_a_draft(self, alma, sign_in):
        case = make_case(alma)
        client, address = sign_in(alma.doctor), reverse("case_change", args=[case.id])
        assert client.get(address).status_code == 200
        client.post(address, {**answers(note="by a colleague"), "lesion": str(case.lesion_id)})
        case.refresh_from_db()
        assert case.note == "by a colleague"

    def test_the_kind_of_a_photo(self, alma, brno, sign_in):
        case = waiting_case(alma)
        image = case.images.get()
        address = reverse("photo_kind", args=[image.id])
        assert sign_in(brno.staff).post(address, {"kind": "overview"}).status_code == 404
        client = sign_in(alma.staff)
        assert client.post(address, {"kind": "overview"}).status_code == 204
        assert client.post(address, {"kind": "selfie"}).status_code == 422
        lifecycle.withdraw(case.id, "mistake")
        assert client.post(address, {"kind": "dermoscopy"}).status_code == 409
        image.refresh_from_db()
        assert image.kind == ImageKind.OVERVIEW


class TestSendWithdrawRestore:
    def test_sending_needs_a_photo(self, alma, brno, sign_in):
        case = make_case(alma)
        address = reverse("case_send", args=[case.id])
        assert sign_in(brno.staff).post(address).status_code == 404
        client = sign_in(alma.staff)
        assert client.post(address).headers["Location"] == reverse("case_change", args=[case.id])
        make_image(case)
        for _ in range(2):
            assert client.post(address).headers["Location"] == reverse("case_detail", args=[case.id])
        case.refresh_from_db()
        assert case.state == CaseState.WAITING

    def test_withdrawing_needs_a_reason_and_is_undone(self, alma, brno, sign_in):
        case = waiting_case(alma)
        withdraw, restore = reverse("case_withdraw", args=[case.id]), reverse("case_restore", args=[case.id])
        assert sign_in(brno.staff).post(withdraw, {"reason": "mine"}).status_code == 404
        client = sign_in(alma.staff)
        assert client.get(withdraw).status_code == 200
        assert client.post(withdraw, {"reason": " "}).status_code == 422
        assert client.get(restore).status_code == 405
        client.post(withdraw, {"reason": "wrong patient"})
        case.refresh_from_db()
        assert (case.state, case.withdrawn_reason) == (CaseState.WITHDRAWN, "wrong patient")
        assert sign_in(brno.staff).post(restore).status_code == 404
        sign_in(alma.staff).post(restore)
        case.refresh_from_db()
        assert case.state == CaseState.WAITING

    def test_restoring_an_open_case_says_why_not(self, alma, sign_in):
        case = make_case(alma)
        answer = sign_in(alma.staff).post(reverse("case_restore", args=[case.id]))
        assert answer.headers["Location"] == reverse("case_detail", args=[case.id])
        case.refresh_from_db()
        assert case.state == CaseState.DRAFT
