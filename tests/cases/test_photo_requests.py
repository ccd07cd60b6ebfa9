"""Photos wanted: back to staff, what to retake, and back to the reader with a photo or with a reason."""

from importlib import import_module
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.urls import reverse

from cases.errors import Refused
from cases.models import Case, CaseState, PhotoRequest
from cases.photo import retakes
from cases.record import lifecycle
from tests.cast import make_image, waiting_case


@pytest.fixture
def case(alma):
    return waiting_case(alma)


def ask(case, by, **fields):
    asked = retakes.ask(case_id=case.id, by=by, **{"request_id": uuid4(), "faults": ["blurred", "overview"], **fields})
    case.refresh_from_db()
    return asked


def test_a_request_goes_back_with_a_new_photo(alma, case):
    asked = ask(case, alma.doctor, note="Also the other arm.")
    assert case.state == CaseState.PHOTOS_WANTED
    assert [words.split(":")[0] for words in asked.fault_words] == ["Blurred", "No overview"]
    with pytest.raises(Refused) as refusal:
        lifecycle.send(case.id, by=alma.staff)
    assert refusal.value.code == "no_new_photo"
    make_image(case)
    case = lifecycle.send(case.id, by=alma.staff)
    asked.refresh_from_db()
    assert (case.state, asked.answered_by, asked.answer) == (CaseState.WAITING, alma.staff, "")
    assert case.waiting_since == asked.answered_at
    assert case.first_waiting_since < asked.asked_at


def test_a_request_goes_back_with_a_reason(alma, case):
    asked = ask(case, alma.doctor)
    lifecycle.send(case.id, by=alma.staff, why_no_new_photo="The patient has left.")
    asked.refresh_from_db()
    assert asked.answer == "The patient has left."


@pytest.mark.parametrize(("faults", "note"), [([], ""), (["other"], " "), (["made up"], "")])
def test_a_request_says_what_is_wrong(alma, case, faults, note):
    with pytest.raises(Refused) as refusal:
        ask(case, alma.doctor, faults=faults, note=note)
    assert refusal.value.code == "faults"


def test_words_alone_say_what_to_take(alma, case):
    assert ask(case, alma.doctor, faults=[], note="From the side.").note == "From the side."


def test_a_request_about_one_photo_marks_it_for_staff(alma, case, sign_in):
    shown, other = case.images.get(), make_image(case)
    with pytest.raises(Refused) as refusal:
        ask(case, alma.doctor, photo=waiting_case(alma).images.get().id)
    assert refusal.value.code == "photo"
    page = sign_in(alma.doctor).get(reverse("case_detail", args=[case.id]), {"photo": str(other.id)})
    assert f'name="photo" value="{other.id}"' in page.content.decode()

    wish = {"request_id": str(uuid4()), "faults": ["blurred"], "photo": str(shown.id)}
    sign_in(alma.doctor).post(reverse("photos_wanted", args=[case.id]), wish)
    html = sign_in(alma.staff).get(reverse("case_detail", args=[case.id])).content.decode()
    assert "This photo: photo 1, " in html
    assert html.count("to be taken again") == 1
    assert html.index(f'data-photo="{shown.id}"') < html.index("to be taken again") < html.index(f"{other.id}")


def test_new_photos_come_first_and_sending_back_after(alma, case, sign_in):
    ask(case, alma.doctor)
    client, address = sign_in(alma.staff), reverse("case_detail", args=[case.id])
    before = client.get(address).content.decode()
    assert 'class="btn btn-primary" href="#add-photos"' in before
    assert 'id="add-photos"' in before
    assert "Send back to the doctor" not in before
    assert "Send back without a new photo" in before
    make_image(case)
    after = client.get(address).content.decode()
    assert 'href="#add-photos"' not in after
    assert "Send back to the doctor" in after


def test_the_dialog_says_that_one_of_two_is_needed(alma, case, sign_in):
    html = sign_in(alma.doctor).get(reverse("case_detail", args=[case.id])).content.decode()
    dialog = html.split('id="photos-wanted-dialog"')[1].split("</dialog>")[0]
    assert "one of the two is needed" in dialog
    assert "(optional)" not in dialog


def test_a_double_click_asks_once(alma, case):
    request_id = uuid4()
    assert ask(case, alma.doctor, request_id=request_id) == ask(case, alma.doctor, request_id=request_id)
    assert PhotoRequest.objects.count() == 1


def test_the_reader_takes_a_request_back_until_staff_have_answered(alma, case):
    asked = ask(case, alma.doctor)
    retakes.take_back(asked.id, alma.lead)
    case.refresh_from_db()
    assert case.state == CaseState.WAITING
    again = ask(case, alma.doctor)
    lifecycle.send(case.id, by=alma.staff, why_no_new_photo="No.")
    with pytest.raises(Refused) as refusal:
        retakes.take_back(again.id, alma.doctor)
    assert refusal.value.code == "answered"


@pytest.mark.parametrize("role", ["staff", "admin", "integration"])
def test_who_may_not_ask(alma, brno, case, role):
    for person in (alma.role(role), brno.doctor):
        with pytest.raises(Refused):
            ask(case, person)


def test_a_withdrawn_case_comes_back_to_its_request(alma, case):
    ask(case, alma.doctor)
    lifecycle.withdraw(case.id, "wrong patient")
    assert lifecycle.restore(case.id).state == CaseState.PHOTOS_WANTED


def test_since_when_older_cases_wait_is_found_as_far_as_it_is_known(alma, case):
    migration = import_module("cases.migrations.0019_photos_have_a_clock")
    asked = ask(case, alma.doctor)
    lifecycle.send(case.id, by=alma.staff, why_no_new_photo="No.")
    other = waiting_case(alma)
    Case.objects.update(first_waiting_since=None)
    migration.fill(apps, None)
    found = dict(Case.objects.values_list("id", "first_waiting_since"))
    assert found == {case.id: asked.asked_at, other.id: other.waiting_since}


def test_one_open_request_a_case(alma, case):
    ask(case, alma.doctor)
    with pytest.raises(IntegrityError), transaction.atomic():
        PhotoRequest.objects.create(case=case, asked_by=alma.doctor, faults=["dark"])
