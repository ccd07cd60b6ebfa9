"""What a page opens on demand is as sound as the page: dialogs, folded parts, the AI's opinion after the reveal."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Clinic
from tests.browser.looks import DESK, PHONE, is_sound
from tests.browser.test_doctor_pages import arrived, opened, waiting

pytestmark = [pytest.mark.one_pair, pytest.mark.django_db(transaction=True)]

UNFOLD = "for (const part of document.querySelectorAll('details')) part.open = true"


@pytest.fixture
def page(alma, browse_as) -> Page:
    Clinic.objects.filter(id=alma.clinic.id).update(read_first=True)
    case = waiting(alma, "MEL", photos=2)
    found = opened(browse_as(alma.doctor), case)
    arrived(found, case)
    return found


@pytest.mark.parametrize(("key", "name"), [("?", "help"), ("p", "photos-wanted-dialog")])
def test_dialogs(page, key, name):
    page.keyboard.press(key)
    expect(page.locator(f"#{name}")).to_be_visible()
    is_sound(page, DESK, PHONE)
    page.keyboard.press("Escape")
    expect(page.locator(f"#{name}")).to_be_hidden()


def test_everything_unfolded_and_the_ai_revealed(page):
    for key in "6qu":  # melanoma, certain, urgent referral
        page.keyboard.press(key)
    page.keyboard.press("s")
    expect(page.locator("#opinion .ai-rank")).to_be_visible()
    page.evaluate(UNFOLD)
    is_sound(page, DESK, PHONE)


def test_the_question_before_a_discharge_of_a_melanoma(page):
    for key in "6qd":
        page.keyboard.press(key)
    page.keyboard.press("s")
    expect(page.locator("#opinion .ai-rank")).to_be_visible()
    page.wait_for_timeout(500)
    page.keyboard.press("s")
    expect(page.locator("dialog[open]")).to_contain_text("Discharge this patient?")
    is_sound(page, DESK, PHONE)
