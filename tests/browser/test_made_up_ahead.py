"""The next case's page is made up whole while this one is read: nobody has seen it until it is opened."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from django.core.signals import request_started
from django.urls import reverse
from selenium import webdriver
from selenium.common import WebDriverException

from cases.models import Case, Read, Reservation, Urgency
from tests import sessions
from tests import webdriver as chrome
from tests.browser.test_doctor_pages import waiting

pytestmark = [
    pytest.mark.one_pair,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(chrome.path() is None, reason=f"no {chrome.DRIVER} here: `sudo apt install chromium-driver`"),
]

SHOWN = """return {
  reference: document.querySelector("h1")?.textContent.trim(),
  ready: document.readyState === "complete",
  wasMadeUp: performance.getEntriesByType("navigation")[0].activationStart > 0,
  address: location.pathname + location.search,
  text: document.body.innerText,
}"""


@pytest.fixture
def asked() -> Iterator[list[tuple[str, str, bool]]]:
    """(method, path, whether for a page that nobody has opened) of what the server was asked for."""
    heard: list[tuple[str, str, bool]] = []

    def hear(environ, **_others) -> None:
        ahead = environ.get("HTTP_SEC_PURPOSE", "").startswith("prefetch")
        heard.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], ahead))

    request_started.connect(hear)
    yield heard
    request_started.disconnect(hear)


@pytest.fixture
def reading(alma, live_server, asked) -> Iterator[tuple[webdriver.Chrome, Case, Case]]:
    """(browser, case, coming): the doctor has opened `case`, and the page of `coming` has been made up, whole."""
    alma.clinic.read_first = False  # one key signs
    alma.clinic.save()
    case, coming = waiting(alma), waiting(alma)
    with chrome.browser(session=sessions.key_for(alma.doctor), url=live_server.url) as driver:
        driver.get(f"{live_server.url}{page_of(case)}")
        until(lambda: ("GET", page_of(coming), True) in asked)
        time.sleep(1.5)  # its scripts have run: what they must not do yet, they would have done
        yield driver, case, coming


def page_of(case: Case) -> str:
    return reverse("case_detail", args=[case.id])


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        # A page that is left in mid-question answers nothing; the next one does.
        with suppress(WebDriverException):
            if holds():
                return
        time.sleep(0.1)
    raise AssertionError("It did not come within a minute.")


def shown(driver: webdriver.Chrome, case: Case) -> dict:
    """What is on the screen, once it is the page of `case`."""

    seen: dict = {}

    def there() -> bool:
        seen.update(driver.execute_script(SHOWN))
        return bool(seen["ready"] and seen["reference"] == case.reference)

    until(there)
    return seen


def test_a_page_that_nobody_has_opened_changes_nothing_and_is_the_readers_when_it_is(reading, alma, asked):
    driver, case, coming = reading
    assert {path for method, path, _ahead in asked if method == "POST"} == {reverse("case_reserve", args=[case.id])}
    assert [each.case for each in Reservation.objects.all()] == [case]
    chrome.press(driver, "n")
    assert shown(driver, coming)["wasMadeUp"]
    until(lambda: Reservation.objects.filter(case=coming, reader=alma.doctor).exists())
    until(lambda: driver.execute_script(SHOWN)["address"] == page_of(coming))
    # The viewer comes when the page is opened, as on any other.
    until(lambda: driver.execute_script("return Boolean(document.querySelector('.stage-live'))"))
    assert driver.get_log("browser") == []


def test_what_was_made_up_too_early_is_not_shown_for_long(reading):
    driver, _case, coming = reading
    patient = coming.lesion.patient
    patient.family_name = "Changedova"
    patient.save()
    chrome.press(driver, "n")
    until(lambda: "Changedova" in shown(driver, coming)["text"])


def test_a_more_urgent_case_that_came_since_is_next(reading, alma):
    driver, _case, _coming = reading
    urgent = waiting(alma, requested_urgency=Urgency.URGENT)
    chrome.press(driver, "n")
    shown(driver, urgent)


def test_sign_and_next_shows_it_too(reading, alma):
    driver, case, coming = reading
    chrome.press(driver, "1qf")
    chrome.press(driver, "s")
    assert shown(driver, coming)["wasMadeUp"]
    assert Read.objects.get().case == case
    until(lambda: case.reference in driver.find_element("id", "toasts").text)  # with the "Undo" of what was signed
