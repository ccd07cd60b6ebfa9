"""The start page of each role in a browser, and keys that act only for those who want them."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import User
from accounts.roles import Role
from cases.models import Read, Urgency
from tests.browser.looks import DESK, PHONE, is_sound
from tests.browser.test_doctor_pages import arrived, opened, waiting
from tests.cast import make_case

pytestmark = pytest.mark.django_db(transaction=True)


def test_each_role_is_led_to_what_comes_next(alma, browse_as):
    waiting(alma)
    urgent = waiting(alma, requested_urgency=Urgency.URGENT)
    make_case(alma)
    for role, card in (
        (Role.STAFF, "Draft of yours"),
        (Role.LEAD, "cases for you to read"),
        (Role.ADMIN, "have never signed in"),
        (Role.INTEGRATION, "No API token works"),
        (Role.DOCTOR, "cases for you to read"),
    ):
        page = browse_as(alma.role(role))
        page.goto(reverse("home"))
        expect(page.get_by_role("heading", name="What comes next")).to_be_visible()
        expect(page.get_by_role("article").filter(has_text=card)).to_be_visible()
        is_sound(page, PHONE, DESK)
    # The doctor goes on by one key.
    page.keyboard.press("n")
    arrived(page, urgent)


def test_single_keys_rest_for_whoever_switched_them_off(alma, browse_as):
    case = waiting(alma, photos=2)
    page = browse_as(alma.doctor)
    page.goto(reverse("own_settings"))
    is_sound(page, PHONE, DESK)
    page.get_by_label("Single keys act").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(re.compile("Saved. It holds from now on"))).to_be_visible()
    assert not User.objects.get(pk=alma.doctor.pk).single_keys

    opened(page, case)
    arrived(page, case)
    for key in ("1", "q", "f", "]", "m", "?", "/", "s"):
        page.keyboard.press(key)
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator(".quick-pick[aria-pressed=true]")).to_have_count(0)
    expect(page.locator("[name=certainty]:checked")).to_have_count(0)
    expect(page.locator("#panel-measure")).to_be_hidden()
    expect(page.locator(".filmstrip a").first).to_have_attribute("aria-current", "true")
    assert not Read.objects.exists()

    # What has the focus still takes keys, and the help says how they come back.
    page.locator(".filmstrip a").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".filmstrip a").nth(1)).to_have_attribute("aria-current", "true")
    page.get_by_role("button", name="Keyboard help").click()
    dialog = page.get_by_role("dialog", name="Keys for reading")
    expect(dialog).to_contain_text("You have switched these keys off")
    dialog.get_by_role("link", name="Switch them on").click()
    page.get_by_label("Single keys act").check()
    page.get_by_role("button", name="Save").click()
    opened(page, case)
    arrived(page, case)
    page.keyboard.press("?")
    expect(dialog).to_be_visible()
