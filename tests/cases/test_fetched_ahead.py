"""What a browser fetches ahead of its reader changes nothing; the page says so when it is opened, and is right then."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from cases.models import Certainty, Read, ReadDraft, Reservation, Urgency
from cases.reading import case_file, reservations
from cases.views import passing
from tests.cases.readings import predict
from tests.cast import make_image, waiting_case

AHEAD = {"Sec-Purpose": "prefetch"}


@pytest.fixture
def first_and_next(alma):
    alma.clinic.read_first = False
    alma.clinic.save()
    return waiting_case(alma), waiting_case(alma)


def fetch_next(client, case):
    """The page that a browser fetches while `case` is read."""
    told = client.get(reverse("worklist_next"), {"from": case.id}, headers=AHEAD)
    return client.get(told.url, headers=AHEAD)


def open_it(client, page):
    """What the page does when it is opened: (where it shall go instead, the notes that it shall show)."""
    html = page.content.decode()
    arrival, left, shows = re.search(
        r'data-arrival-url="([^"]+)" data-left="([^"]*)" data-shows="([^"]+)"', html
    ).groups()
    answer = client.post(arrival, {"left": left, "shows": shows}).json()
    return answer["go"], answer.get("notes", "")


def test_fetching_ahead_reserves_nothing_and_leaves_no_trace(alma, first_and_next, sign_in):
    case, coming = first_and_next
    client = sign_in(alma.doctor)
    page = fetch_next(client, case)
    assert coming.reference in page.content.decode()
    assert not Reservation.objects.exists()
    assert passing.SESSION_KEY not in client.session


def test_a_page_that_was_asked_for_has_nothing_to_say_when_it_opens(alma, first_and_next, sign_in):
    case, _coming = first_and_next
    html = sign_in(alma.doctor).get(reverse("case_detail", args=[case.id]), {"from": "x"}).content.decode()
    assert "data-arrival-url" not in html


def test_when_it_is_opened_its_case_is_reserved_and_the_other_one_left(alma, first_and_next, sign_in):
    case, coming = first_and_next
    client = sign_in(alma.doctor)
    assert open_it(client, fetch_next(client, case)) == ("", "")
    assert Reservation.objects.get().case == coming
    assert list(client.session[passing.SESSION_KEY]) == [str(case.id)]


def test_the_photo_to_fetch_next_is_not_that_of_the_case_just_left(alma, first_and_next, sign_in):
    case, _coming = first_and_next
    third = waiting_case(alma)
    page = fetch_next(sign_in(alma.doctor), case)
    assert page.context["next_photo"] == third.images.get().id


def test_words_that_wait_are_not_lost_to_a_page_that_nobody_opens(alma, first_and_next, sign_in):
    case, _coming = first_and_next
    client = sign_in(alma.doctor)
    client.get(reverse("case_detail", args=[case.id]))
    signed = client.post(
        reverse("read_sign", args=[case.id]),
        {**_form(client, case), "then": "next"},
        headers={"Accept": "application/json"},
    )
    assert signed.json() == {"next": f"{reverse('worklist_next')}?from={case.id}"}
    page = fetch_next(client, case)
    assert "Signed" not in page.content.decode().partition("<main")[2].partition("reading-side")[0]
    go, notes = open_it(client, page)
    assert go == ""
    assert case.reference in notes


def test_a_form_that_cannot_be_signed_is_explained_in_a_page(alma, first_and_next, sign_in):
    case, _coming = first_and_next
    client = sign_in(alma.doctor)
    answer = client.post(
        reverse("read_sign", args=[case.id]),
        {**_form(client, case), "certainty": "", "then": "next"},
        headers={"Accept": "application/json"},
    )
    assert answer.status_code == 422
    assert not Read.objects.exists()


def _form(client, case) -> dict[str, str]:
    fields = client.get(reverse("case_detail", args=[case.id])).context["read_form"].initial
    said = {"condition": "NEV", "certainty": Certainty.CERTAIN, "management": "discharge"}
    return {name: str(value) for name, value in {**fields, **said}.items() if value is not None}


def test_at_the_end_of_the_list_there_is_nothing_to_fetch(alma, sign_in):
    only = waiting_case(alma)
    told = sign_in(alma.doctor).get(reverse("worklist_next"), {"from": only.id}, headers=AHEAD)
    assert told.status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        lambda alma, case: case.lesion.patient.__class__.objects.update(family_name="Other"),
        lambda alma, case: case.__class__.objects.filter(id=case.id).update(bled=True),
        lambda alma, case: make_image(case),
        lambda alma, case: predict(case.images.get()),
        lambda alma, case: case.images.update(removed_at=timezone.now()),
        lambda alma, case: ReadDraft.objects.create(case=case, reader=alma.doctor, comment="from another window"),
    ],
    ids=["patient", "answer", "photo", "opinion", "photo removed", "draft"],
)
def test_what_has_changed_since_is_loaded_again(alma, first_and_next, sign_in, change):
    case, coming = first_and_next
    client = sign_in(alma.doctor)
    page = fetch_next(client, case)
    change(alma, coming)
    assert open_it(client, page)[0] == reverse("case_detail", args=[coming.id])


def test_a_more_urgent_case_comes_first_and_is_the_one_reserved(alma, first_and_next, sign_in):
    case, _coming = first_and_next
    client = sign_in(alma.doctor)
    page = fetch_next(client, case)
    urgent = waiting_case(alma, requested_urgency=Urgency.URGENT)
    assert open_it(client, page)[0] == reverse("case_detail", args=[urgent.id])
    assert Reservation.objects.get().case == urgent


def test_another_reader_who_was_quicker_keeps_the_case(alma, first_and_next, sign_in):
    case, coming = first_and_next
    client = sign_in(alma.doctor)
    page = fetch_next(client, case)
    reservations.reserve(coming, alma.lead)
    go, _notes = open_it(client, page)
    assert go != reverse("case_detail", args=[coming.id])
    assert Reservation.objects.get(case=coming).reader == alma.lead


def test_a_fingerprint_stays_as_long_as_nothing_changes(alma, first_and_next):
    case, _coming = first_and_next
    predict(case.images.get())

    def now() -> str:
        return case_file.find(alma.doctor, case.id).fingerprint

    before = now()
    reservations.reserve(case, alma.doctor)
    assert now() == before
