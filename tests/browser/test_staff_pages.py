"""The staff's day in a real browser: find nobody, register, log a case, send photos, hand it to the doctor."""

import io
import re
from pathlib import Path

import pytest
from django.urls import reverse
from PIL import Image
from playwright.sync_api import Page, expect

from cases.models import Answer, Case, CaseState, ImageKind, LesionImage, Patient
from cases.pixels import drawing
from tests.browser.looks import DESK, PHONE, fits, is_sound
from tests.cast import make_case, make_patient, photo

SENT = re.compile(r"^Sent \d")


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Two good ones, one that is remarked upon, one that is no picture."""
    files = {
        "near.jpg": photo(seed=1),
        "far.jpg": photo(seed=2),
        "small.jpg": photo(seed=3, width=400, height=300),
        "letter.pdf": b"%PDF-1.4 not a picture",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in files]


def choose(page: Page, group: str, answer: str) -> None:
    page.get_by_role("group", name=group).get_by_role("radio", name=answer, exact=True).check()


def row(page: Page, name: str):
    return page.locator(".upload-row").filter(has_text=name)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_from_search_to_sent(alma, browse_as, photos, size):
    page = browse_as(alma.staff)
    page.set_viewport_size(size)
    page.goto(reverse("patient_list"))
    fits(page)

    page.get_by_label("Search patients").fill("Quell Rita 1970-05-06")
    page.get_by_role("link", name="Register “").click()
    expect(page.get_by_label("Family name")).to_have_value("Quell")
    expect(page.get_by_label("Birth date")).to_have_value("1970-05-06")
    page.get_by_label("MRN").fill("q-1")
    choose(page, "Sex", "Female")
    choose(page, "May an AI give a second opinion", "Granted")
    is_sound(page)
    page.get_by_role("button", name="Register", exact=True).click()

    is_sound(page)
    page.get_by_role("main").get_by_role("link", name="New case").click()
    is_sound(page)
    choose(page, "Body site", "Forearm")
    choose(page, "Side", "Left")
    choose(page, "Has bled", "Yes")
    if size is PHONE:
        page.get_by_role("button", name="Next").click()
    page.locator("[data-uploader-files]").first.set_input_files(photos)
    expect(row(page, "near.jpg")).to_contain_text("Arrived")
    expect(row(page, "far.jpg")).to_contain_text("Arrived")
    expect(row(page, "small.jpg")).to_contain_text("small")
    expect(row(page, "letter.pdf")).to_have_class("upload-row upload-refused")
    is_sound(page)

    row(page, "far.jpg").get_by_label("Kind of photo").select_option("overview")
    row(page, "small.jpg").get_by_role("button", name="Remove photo").click()
    expect(row(page, "small.jpg")).to_contain_text("Removed")
    page.get_by_role("button", name="Send to the doctor").click()
    expect(page.get_by_text(SENT)).to_be_visible()

    case = Case.objects.get()
    assert page.url.endswith(reverse("case_detail", args=[case.id]))
    assert (case.state, case.bled, case.itch) == (CaseState.WAITING, Answer.YES, Answer.UNKNOWN)
    assert case.lesion.place == "Left forearm"
    assert case.lesion.patient == Patient.objects.get(mrn="Q-1")
    kinds = case.images.filter(removed_at__isnull=True).values_list("kind", flat=True)
    assert sorted(kinds) == [ImageKind.CLOSE_UP, ImageKind.OVERVIEW]


def test_photos_wait_for_the_lesion_and_then_go_by_themselves(alma, browse_as, photos):
    page = browse_as(alma.staff)
    page.goto(f"{reverse('case_new')}?patient={make_patient(alma).id}")
    page.locator("[data-uploader-files]").first.set_input_files(photos[:1])
    expect(page.locator("[data-uploader-waits]")).to_be_visible()
    page.get_by_role("button", name="Send to the doctor").click()
    expect(page.locator("[data-lesion-wanted]")).to_be_visible()
    assert not Case.objects.exists()

    choose(page, "Body site", "Nose")
    expect(row(page, "near.jpg")).to_contain_text("Arrived")
    # Loading the page again leads back to the draft, not to a second one.
    page.reload()
    expect(page.get_by_role("heading", name="a draft")).to_be_visible()
    assert Case.objects.get().images.count() == 1


def test_a_broken_connection_is_tried_again_and_sending_waits_for_it(alma, browse_as, photos):
    page = browse_as(alma.staff)
    page.goto(f"{reverse('case_new')}?patient={make_patient(alma).id}")
    choose(page, "Body site", "Nose")
    broken = []

    def break_once(route) -> None:
        if broken:
            route.continue_()
        else:
            broken.append(route.request.url)
            route.abort("connectionreset")

    page.route("**/photos/", break_once)
    page.locator("[data-uploader-files]").first.set_input_files(photos[:1])
    expect(row(page, "near.jpg")).to_contain_text("tried again by itself")
    page.get_by_role("button", name="Send to the doctor").click()
    expect(page.get_by_text(SENT)).to_be_visible()
    assert broken
    assert Case.objects.get().state == CaseState.WAITING
    assert LesionImage.objects.count() == 1


def test_leaving_while_a_photo_is_on_its_way_is_asked_about_where_nothing_is_kept(alma, browse_as, photos):
    page = browse_as(alma.staff)
    # As in a private window of some browsers.
    page.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('no', 'InvalidStateError'); }")
    page.goto(f"{reverse('case_new')}?patient={make_patient(alma).id}")
    choose(page, "Body site", "Nose")
    held = []
    page.route("**/photos/", lambda route: held.append(route))
    with page.expect_request("**/photos/"):
        page.locator("[data-uploader-files]").first.set_input_files(photos[:1])
    expect(page.locator("[data-uploader-waits]")).to_contain_text("private window")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(reverse("patient_list"))
    assert asked == ["beforeunload"]


def test_a_phones_heic_photo_gets_its_preview_from_the_server(alma, browse_as, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    heic = io.BytesIO()
    pillow_heif.from_pillow(drawing.draw("BCC", seed=5)).save(heic)
    (tmp_path / "phone.heic").write_bytes(heic.getvalue())
    case = make_case(alma)
    page = browse_as(alma.staff)
    page.goto(reverse("case_change", args=[case.id]))
    page.locator("[data-uploader-files]").first.set_input_files(tmp_path / "phone.heic")
    expect(row(page, "phone.heic").locator("img.upload-preview")).to_be_visible()
    with Image.open(LesionImage.objects.get().thumbnail) as thumbnail:
        assert min(thumbnail.size) > 0


def test_the_form_works_without_scripts(alma, browser, browser_context_args, browse_as, photos):
    signed_in = browse_as(alma.staff).context.storage_state()
    context = browser.new_context(**browser_context_args, java_script_enabled=False, storage_state=signed_in)
    page = context.new_page()
    page.goto(f"{reverse('case_new')}?patient={make_patient(alma).id}")
    page.locator("[name=body_site][value=nose]").check(force=True)
    page.locator("[data-uploader-files]").first.set_input_files(photos[:2])
    page.get_by_role("button", name="Send to the doctor").click()
    assert page.get_by_text(SENT).is_visible()
    assert Case.objects.get().images.count() == 2
    context.close()


def test_the_keyboard_alone_finds_a_patient_and_a_place(alma, browse_as):
    patient = make_patient(alma, family_name="Quell")
    page = browse_as(alma.staff)
    page.goto(reverse("patient_detail", args=[patient.id]))
    page.keyboard.press("/")
    page.keyboard.type("quell")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Quell, Eva")).to_be_visible()
    assert "quell" not in page.url

    page.goto(f"{reverse('case_new')}?patient={patient.id}")
    page.locator("[name=body_site]").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[name=body_site]:checked")).to_have_value("face")
    is_sound(page)
