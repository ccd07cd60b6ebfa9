"""The figures in a real browser: drawn, with tables behind, on a phone and at a desk, light and dark."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from cases.models import Case
from tests.browser.looks import DESK, PHONE, is_sound
from tests.cases.test_figures import judged
from tests.cast import waiting_case


def click(page: Page, panel: Locator, *, series: int, row: int, beside: int = 0) -> None:
    """Clicks where the chart has drawn the value, so many pixels beside it."""
    canvas = panel.locator("canvas")
    where = canvas.evaluate(
        "(canvas, [series, row]) => { const { x, y } = Chart.getChart(canvas).getDatasetMeta(series).data[row];"
        " return { x, y } }",
        [series, row],
    )
    canvas.click(position={"x": where["x"] + beside, "y": where["y"]})


@pytest.mark.django_db
def test_each_bar_and_point_leads_to_its_own_cases(alma, browse_as):
    alma.clinic.target_hours_routine = 10
    alma.clinic.save()
    for number in range(42):
        judged(alma, "NEV" if number % 4 == 1 else "MEL", biopsy="MEL" if number % 2 else "NEV")
    for hours in (1, 100, 200):
        Case.objects.filter(id=waiting_case(alma).id).update(waiting_since=timezone.now() - timedelta(hours=hours))
    page = browse_as(alma.lead)
    page.set_viewport_size(DESK)

    def leads_to(figure: str, series: int, row: int, beside: int = 0) -> tuple[str, int]:
        page.goto(reverse("figures") + f"?show={'flow' if figure == 'queue' else 'outcomes'}")
        click(page, page.locator(f"#figure-{figure}"), series=series, row=row, beside=beside)
        page.wait_for_url(f"**/figures/{figure}/cases/**")
        expect(page.get_by_role("heading", name="The cases behind the figure")).to_be_visible()
        return parse_qs(urlsplit(page.url).query)["of"][0], page.locator("tbody tr").count()

    # Bars of the same row, one for all that wait and one for the late ones.
    assert [leads_to("queue", series, 2) for series in (0, 1)] == [("0", 3), ("1", 2)]
    # Points of the same row, at their centres and at their rims.
    assert leads_to("sensitivity", 0, 0) == leads_to("sensitivity", 0, 0, beside=3) == ("0", 10)
    # A point of none leads nowhere: every benign one was flagged.
    page.goto(reverse("figures") + "?show=outcomes")
    click(page, page.locator("#figure-sensitivity"), series=1, row=0)
    assert page.url.endswith("?show=outcomes")
    assert leads_to("calibration", 0, 0) == ("1", 10)


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
    # A click on a point leads to the cases that it counts; the row's name, to those that were late.
    click(page, panel, series=0, row=2)
    page.wait_for_url("**/figures/turnaround/cases/**at=3&of=0")
    expect(page.get_by_role("heading", name="The cases behind the figure")).to_be_visible()
    assert page.locator("tbody tr").count() == 8
    is_sound(page, PHONE)
    page.get_by_role("link", name="Back to the figures").click()
    panel.get_by_text("Table").click()
    panel.get_by_role("link", name="Routine", exact=True).click()
    page.wait_for_url("**/figures/turnaround/cases/**at=3")
    assert page.locator("tbody tr").count() == 16
    page.get_by_role("link", name="Back to the figures").click()
    page.get_by_role("link", name="Agreement", exact=True).click()
    expect(page.get_by_role("link", name="Agreement", exact=True)).to_have_attribute("aria-current", "true")
    is_sound(page, DESK)
