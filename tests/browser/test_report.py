"""From the bell to the printed report: staff are told, look, take the PDF, mark it; and choose what they hear of."""

import io
import re
from datetime import timedelta

import pypdfium2
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image
from playwright.sync_api import expect

from cases.models import Case, Notification, ReportDelivery
from cases.record import lifecycle
from tests.browser.looks import DESK, PHONE, fits, is_sound
from tests.cases.readings import predict
from tests.cases.test_notifications import biopsy, sign
from tests.cast import make_case, make_image, make_patient, photo

_SKIN = photo("MEL", width=320, height=240)


@pytest.fixture
def amended(alma) -> Case:
    """A signed and amended case with a photo, the AI's opinion and a biopsy; staff have been told."""
    patient = make_patient(alma, family_name="Papadopoulou-Konstantinidou", given_name="Ελένη")
    case = make_case(alma, patient=patient, itch="yes", note="New since spring.")
    file = default_storage.save("images/one.jpg", ContentFile(_SKIN))
    image = make_image(case, original=file, derivative=file, thumbnail=file, width=320, height=240)
    predict(image, probabilities=[["MEL", 0.61], ["NEV", 0.39]])
    lifecycle.send(case.id)
    sign(case, alma.doctor, "NEV", "follow_up")
    sign(case, alma.doctor, "MEL", "urgent_referral")
    biopsy(alma, case, "MIS")
    Notification.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    return case


def test_staff_are_told_and_print_the_report(alma, amended, browse_as):
    page = browse_as(alma.staff)
    page.goto("/")
    page.get_by_role("link", name="Notifications, 3 new").click()
    page.get_by_role("link", name="A report was amended").first.click()  # by the biopsy
    expect(page.get_by_role("heading", name="Report of a skin lesion")).to_be_visible()
    expect(page.get_by_text("Amended: version 3 replaces what was reported before.")).to_be_visible()
    expect(page.get_by_text("Melanoma (C43.9), certain")).to_be_visible()
    expect(page.get_by_role("link", name="Notifications, 2 new")).to_be_visible()
    page.get_by_role("link", name="Version 1").click()
    expect(page.get_by_text("Superseded: this is version 1 of 3.")).to_be_visible()
    expect(page.get_by_role("button", name="Printed")).to_have_count(0)
    page.get_by_role("link", name="Open the version that counts").click()

    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert re.fullmatch(r"report-\d+-3-[0-9a-f]{8}\.pdf", download.value.suggested_filename)
    assert "Papadopoulou" not in page.title()
    looks_like_a_report(download.value.path().read_bytes())

    page.evaluate("window.print = () => { document.title = 'was printed'; }")
    page.get_by_role("button", name="Print", exact=True).click()
    expect(page).to_have_title("was printed")
    page.get_by_role("button", name="Printed").click()
    expect(page.get_by_text("Printed, version 3")).to_be_visible()
    # What was told of it needs nobody any more, and the list is empty.
    expect(page.get_by_role("link", name="Notifications, 0 new")).to_be_visible()
    assert ReportDelivery.objects.get().by == alma.staff
    page.get_by_role("link", name="Reports").click()
    expect(page.get_by_text("No report waits")).to_be_visible()


def test_the_report_is_handed_to_the_device_where_it_can_send_files(alma, amended, browse_as):
    page = browse_as(alma.staff)
    page.add_init_script(
        """navigator.canShare = () => true;
        navigator.share = async ({ files }) => { window.shared = [files[0].name, files[0].type, files[0].size]; };"""
    )
    page.goto(f"/cases/{amended.id}/report/")
    page.get_by_role("button", name="Send", exact=True).click()
    # Who has sent it says so: the next key press does.
    expect(page.get_by_role("button", name="Sent")).to_be_focused()
    name, kind, size = page.evaluate("window.shared")
    assert (name, kind) == (f"report-{amended.number}-3.pdf", "application/pdf")
    assert size > 5000
    assert not ReportDelivery.objects.exists()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Sent, version 3")).to_be_visible()


def looks_like_a_report(content: bytes) -> None:
    """The first page as a picture: dark letters above, a photo in the colour of skin at the left, white margins."""
    document = pypdfium2.PdfDocument(io.BytesIO(content))
    picture: Image.Image = document[0].render(scale=1).to_pil().convert("RGB")
    assert abs(picture.width - 595) <= 1  # A4 in points
    white = (255, 255, 255)
    assert picture.crop((0, 0, 40, 842)).getcolors() == [(40 * 842, white)]
    top = picture.crop((40, 40, 555, 260)).convert("L")
    assert min(top.getdata()) < 60
    skin = [
        (x, y)
        for x in range(60, 290, 10)
        for y in range(250, 600, 10)
        if (p := picture.getpixel((x, y)))[0] > 150 and p[0] > p[1] + 20 > p[2] + 20
    ]
    assert len(skin) > 100
    assert max(x for x, _y in skin) - min(x for x, _y in skin) > 150


def test_every_page_is_sound_at_every_size(alma, amended, browse_as):
    page = browse_as(alma.staff)
    page.emulate_media(color_scheme="dark")
    for address in ("/notifications/", "/notifications/settings/", "/reports/", f"/cases/{amended.id}/report/"):
        page.set_viewport_size(DESK)
        page.goto(address)
        is_sound(page)
        page.set_viewport_size(PHONE)
        fits(page)


def test_a_doctor_chooses_what_to_hear_of_and_how_they_did(alma, amended, browse_as):
    page = browse_as(alma.doctor)
    page.goto("/notifications/")
    expect(page.get_by_text("The biopsy of a case you read says Melanoma in situ; you said Melanoma.")).to_be_visible()
    page.get_by_role("link", name="Choose").click()
    page.get_by_role("checkbox", name="A biopsy result is known: in the app").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(re.compile(r"^Saved \d"))).to_be_visible()
    expect(page.get_by_role("checkbox", name="A biopsy result is known: in the app")).not_to_be_checked()
