"""The next case's page is fetched while this one is read: it is there at once, and never stale or another reader's."""

import pytest
from django.core.signals import request_started
from django.urls import reverse
from playwright.sync_api import Page, expect

from cases.models import Case, Read, Reservation, Urgency
from tests.browser.looks import DESK, PHONE, TABLET
from tests.browser.test_doctor_pages import opened, waiting

pytestmark = pytest.mark.one_pair

# What lies under the floating note of what is needed to go on: the photos to choose from and the form's buttons.
COVERED = """() => {
  const note = document.querySelector("#toasts .note").getBoundingClientRect();
  const over = ({ left, right, top, bottom }) =>
    left < note.right && note.left < right && top < note.bottom && note.top < bottom;
  return [...document.querySelectorAll(".filmstrip a, .reading-act .btn, .rail a")]
    .filter((each) => over(each.getBoundingClientRect())).map((each) => each.outerHTML.slice(0, 120));
}"""


@pytest.fixture
def asked():
    """The paths that the server was asked for, and whether ahead."""
    heard: list[tuple[str, bool]] = []

    def hear(environ, **_others) -> None:
        heard.append((environ["PATH_INFO"], environ.get("HTTP_SEC_PURPOSE", "").startswith("prefetch")))

    request_started.connect(hear)
    yield heard
    request_started.disconnect(hear)


def reading(alma, browse_as, asked) -> tuple[Page, Case, Case]:
    """(page, case, coming): the doctor has opened `case`, and the page of `coming` has been fetched ahead."""
    case, coming = waiting(alma), waiting(alma)
    page = browse_as(alma.doctor)
    opened(page, case)
    until(page, lambda: (address(coming), True) in asked)
    page.wait_for_load_state("networkidle")
    return page, case, coming


def address(case: Case) -> str:
    return reverse("case_detail", args=[case.id])


def until(page: Page, seen) -> None:
    for _time in range(100):
        if seen():
            return
        page.wait_for_timeout(50)
    raise AssertionError("It did not come within five seconds.")


def test_next_shows_what_was_fetched_ahead_and_reserves_it_then(alma, browse_as, asked):
    page, _case, coming = reading(alma, browse_as, asked)
    assert not Reservation.objects.filter(case=coming).exists()
    asked.clear()
    page.keyboard.press("n")
    expect(page.locator("h1")).to_have_text(coming.reference)
    until(page, lambda: Reservation.objects.filter(case=coming, reader=alma.doctor).exists())
    assert (address(coming), False) not in asked
    assert page.evaluate("location.pathname + location.search") == address(coming)
    # The case that was left does not come right back.
    third = waiting(alma)
    page.keyboard.press("n")
    expect(page.locator("h1")).to_have_text(third.reference)


def test_what_has_changed_since_is_loaded_again(alma, browse_as, asked):
    page, _case, coming = reading(alma, browse_as, asked)
    patient = coming.lesion.patient
    patient.family_name = "Changedova"
    patient.save()
    page.keyboard.press("n")
    expect(page.locator("h1")).to_have_text(coming.reference)
    expect(page.get_by_text("Changedova").first).to_be_visible()


def test_a_more_urgent_case_that_came_since_is_next(alma, browse_as, asked):
    page, _case, _coming = reading(alma, browse_as, asked)
    urgent = waiting(alma, requested_urgency=Urgency.URGENT)
    page.keyboard.press("n")
    expect(page.locator("h1")).to_have_text(urgent.reference)


def test_sign_and_next_shows_it_too_and_the_signature_can_be_taken_back(alma, browse_as, asked):
    alma.clinic.read_first = False
    alma.clinic.save()
    page, case, coming = reading(alma, browse_as, asked)
    asked.clear()
    for key in "1qfs":
        page.keyboard.press(key)
    expect(page.locator("h1")).to_have_text(coming.reference)
    note = page.locator("#toasts .note")
    expect(note).to_contain_text(case.reference)
    for size in (DESK, TABLET, PHONE):
        page.set_viewport_size(size)
        assert page.evaluate(COVERED) == [], size
    assert (address(coming), False) not in asked
    assert Read.objects.filter(case=case).count() == 1
    page.keyboard.press("z")
    expect(page.locator("h1")).to_have_text(case.reference)
    assert Read.objects.filter(case=case).count() == 0
