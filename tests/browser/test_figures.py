"""The figures in a real browser: drawn, with tables behind, on a phone and at a desk, light and dark."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.browser.looks import DESK, PHONE, is_sound
from tests.cases.test_figures import judged


@pytest.mark.django_db
def test_figures_are_drawn_and_lead_to_their_cases(alma, browse_as):
    for number in range(24):
        judged(alma, "MEL" if number % 3 else "NEV", hours=number * 10, biopsy="MEL" if number < 2 else "")
    page = browse_as(alma.lead)
    page.goto(reverse("home"))
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Figures").click()
    expect(page.get_by_role("heading", name="Cases a week (n = 24 cases logged)")).to_be_visible()
    # Something was drawn on every canvas, and again in the other theme.
    drawn = """() => [...document.querySelectorAll("canvas")].map((canvas) =>
        canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value))"""
    # Chart.js has set their size; of too few signed cases a week no share is drawn.
    expect(page.locator("canvas[style]")).to_have_count(3)
    assert all(page.evaluate(drawn))
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert all(page.evaluate(drawn))
    page.emulate_media(color_scheme="light")

    panel = page.get_by_role("region", name="Signed within the target (n = 24 cases)", exact=True)
    panel.get_by_text("Table").click()
    expect(panel.get_by_role("cell", name="33\u00a0% (18–53\u00a0%), 8 of 24")).to_be_visible()
    is_sound(page, PHONE, DESK)
    with page.expect_download() as download:
        panel.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.startswith("turnaround-")
    # A click on the chart leads where the row of the table leads.
    box = panel.locator("canvas").bounding_box()
    panel.locator("canvas").click(position={"x": box["width"] * 0.3, "y": box["height"] * 0.72})
    page.wait_for_url("**/figures/turnaround/cases/**at=3")
    expect(page.get_by_role("heading", name="The cases behind the figure")).to_be_visible()
    assert page.locator("tbody tr").count() == 16
    is_sound(page, PHONE)
    page.get_by_role("link", name="Back to the figures").click()
    page.get_by_role("link", name="Agreement", exact=True).click()
    expect(page.get_by_role("link", name="Agreement", exact=True)).to_have_attribute("aria-current", "true")
    is_sound(page, DESK)
