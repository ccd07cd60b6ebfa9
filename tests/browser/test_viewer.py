"""The photo viewer: zoom to the pixel, light, measuring, another visit beside and over it; without a script too."""

import io
import re
from datetime import timedelta

import numpy as np
import pytest
from django.core.signals import request_started
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from cases.models import Case, LesionImage, PracticeRead, Reservation
from cases.photo import intake
from cases.reading import practice
from cases.record import lifecycle
from cases.vocabulary import conditions
from tests.browser.looks import fits, is_sound
from tests.browser.test_doctor_pages import SEEDS, opened, sign_elsewhere, waiting
from tests.cases.readings import predict
from tests.cast import photo

pytestmark = pytest.mark.django_db(transaction=True)

# The line's ends on the screen, as the viewer has put them.
ENDS = """() => [...document.querySelectorAll("[data-measure-end]")].map(end => end.getBoundingClientRect())
    .map(box => ({x: box.x + box.width / 2, y: box.y + box.height / 2}))"""


def second_visit(cast) -> Case:
    """A case of two photos, whose lesion was seen and signed as melanoma 200 days before."""
    earlier = waiting(cast, "MEL")
    sign_elsewhere(earlier, cast.lead)
    Case.objects.filter(id=earlier.id).update(created_at=timezone.now() - timedelta(days=200))
    case = lifecycle.log_case(lesion=earlier.lesion, by=cast.staff)
    for kind in ("NEV", "MEL"):
        file = io.BytesIO(photo(kind, seed=next(SEEDS), width=1600, height=1200))
        predict(intake.accept(case, file, name="photo.jpg", by=cast.staff))
    return lifecycle.send(case.id)


def live(page: Page) -> Page:
    expect(page.locator(".stage-live")).to_be_visible()
    return page


def canvas_colour(page: Page) -> list[int]:
    """The colour in the middle of the viewer's canvas."""
    return page.evaluate(
        """() => { const canvas = document.querySelector("[data-stage-main] canvas");
        return [...canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data]; }"""
    )


def test_zoom_turn_light_and_photos_by_keyboard(alma, browse_as):
    case = second_visit(alma)
    page = browse_as(alma.doctor)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    live(opened(page, case))
    first, second = case.images.all()

    # The viewer lies exactly on the picture that was there before it, and fetches the original by itself.
    assert page.locator("[data-stage-canvas]").bounding_box() == page.locator(".stage-photo").bounding_box()
    expect(page.locator(".stage-photo")).to_have_css("opacity", "0")
    page.keyboard.press("i")
    page.wait_for_function("url => performance.getEntriesByName(url).length", arg=asked_for(asked, first))
    # Pixel for pixel: the line of measure is as long on the screen as in the photo.
    page.keyboard.press("m")
    a, b = page.evaluate(ENDS)
    expect(page.locator("[data-measure-length]")).to_have_text(f"{round(b['x'] - a['x'])} px")
    page.keyboard.press("Escape")
    expect(page.locator("[data-measure]")).to_be_hidden()

    page.keyboard.press("l")
    page.get_by_label("Brightness", exact=True).press("End")
    expect(page.locator("[data-stage-main] canvas")).to_have_css("filter", "brightness(2.5) contrast(1)")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("[data-stage-main] canvas")).to_have_css("filter", "brightness(1) contrast(1)")

    before = canvas_colour(page)
    page.keyboard.press("]")
    expect(page.locator(".filmstrip [aria-current]")).to_have_attribute("data-photo", str(second.id))
    live(page)
    expect(page.get_by_role("heading", name="AI opinion photo 2 of 2")).to_be_visible()
    assert canvas_colour(page) != before
    page.keyboard.press("[")
    expect(page.locator(".filmstrip [aria-current]")).to_have_attribute("data-photo", str(first.id))
    # The photo itself takes the arrows, and leaves the letters to the form.
    live(page)
    page.get_by_role("application").focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("f")
    expect(page.locator("[name=management][value=follow_up]")).to_be_checked()
    is_sound(page)


def asked_for(asked: list[str], image: LesionImage) -> str:
    found = [url for url in asked if url.endswith(reverse("photo_original", args=[image.id]))]
    assert found, "the original was never asked for"
    return found[0]


def test_measure_by_a_line_over_a_known_length(alma, browse_as):
    case = waiting(alma)
    page = live(opened(browse_as(alma.doctor), case))
    page.keyboard.press("m")
    length = page.locator("[data-measure-length]")

    # An end is moved by keys and by hand.
    a, b = page.evaluate(ENDS)
    for _press in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    moved, _b = page.evaluate(ENDS)
    assert moved["x"] == pytest.approx(a["x"] - 30, abs=0.6)
    page.mouse.move(b["x"], b["y"])
    page.mouse.down()
    page.mouse.move(b["x"] + 40, b["y"])
    page.mouse.up()
    pixels = int(length.inner_text().split()[0])
    page.get_by_label("This line is").fill("coin")
    page.get_by_role("button", name="Save the scale").click()
    expect(page.get_by_text("Say how long the line is in millimetres")).to_be_visible()
    page.get_by_label("This line is").fill("20,0")
    page.keyboard.press("Enter")

    expect(length).to_have_text("20.0 mm")
    image = LesionImage.objects.get()
    assert image.pixels_per_mm == pytest.approx(pixels / 20, rel=0.01)
    assert image.scale_set_by == alma.doctor

    # It is taken away, brought back, and each time it is said by whom.
    tools = page.locator("#panel-measure")
    expect(tools).to_contain_text(f"by {alma.doctor}")
    tools.get_by_role("button", name="Take the scale away").click()
    expect(tools).to_contain_text(f"taken away by {alma.doctor}")
    expect(length).to_contain_text("px")
    assert LesionImage.objects.get().pixels_per_mm is None
    tools.get_by_role("button", name="Undo").click()
    expect(length).to_have_text("20.0 mm")
    assert LesionImage.objects.get().pixels_per_mm == pytest.approx(image.pixels_per_mm)
    # It is the photo's from now on, whatever the zoom and the turn.
    live(opened(page, case))
    for key in ("i", ".", "m"):
        page.keyboard.press(key)
    # At a pixel of the photo to a pixel of the screen: once the zoom, the turn and the line are drawn.
    page.wait_for_function(
        """([ends, scale]) => {
            const [a, b] = (0, eval)(ends)();
            const said = parseFloat(document.querySelector("[data-measure-length]").textContent);
            return said > 1 && Math.abs(Math.hypot(b.x - a.x, b.y - a.y) / scale - said) < 0.06;
        }""",
        arg=[ENDS, image.pixels_per_mm],
    )


def test_beside_and_over_an_earlier_visit(alma, browse_as):
    case = second_visit(alma)
    page = live(opened(browse_as(alma.doctor), case))
    timeline = page.locator("#timeline")
    expect(timeline).to_contain_text("before this visit")
    expect(timeline).to_contain_text("Melanoma")

    timeline.get_by_role("button", name="Compare").click()
    main, other = page.locator("[data-stage-main]"), page.locator("[data-stage-second]")
    expect(other.locator("canvas")).to_be_visible()
    assert main.bounding_box()["width"] == pytest.approx(other.bounding_box()["width"], abs=2)
    before = other.locator("canvas").screenshot()
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.wait_for_timeout(200)
    assert other.locator("canvas").screenshot() != before  # it follows

    plain = canvas_colour(page)
    page.keyboard.press("o")
    expect(other).to_be_hidden()
    page.get_by_label("Strength").first.press("End")
    page.wait_for_function("plain => " + COLOUR_DIFFERS, arg=plain)
    page.keyboard.press("x")
    expect(page.get_by_role("button", name="Blink")).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("plain => !(" + COLOUR_DIFFERS + ")", arg=plain)
    page.keyboard.press("v")
    expect(page.locator("#panel-compare")).to_be_hidden()


SETTLED_MS = 1500  # the photos have come, and the viewer has taken its new size


def test_a_whole_photo_stays_whole_when_its_place_changes(alma, browse_as):
    case = second_visit(alma)
    page = live(opened(browse_as(alma.doctor), case))
    canvas = page.locator("[data-stage-main] canvas")
    page.wait_for_timeout(500)
    before = canvas.screenshot()
    page.keyboard.press("v")
    expect(page.locator("[data-stage-second]")).to_be_visible()
    page.wait_for_timeout(SETTLED_MS)
    page.keyboard.press("v")
    expect(page.locator("[data-stage-second]")).to_be_hidden()
    page.wait_for_timeout(SETTLED_MS)
    assert apart(canvas.screenshot(), before) < 2
    page.set_viewport_size({"width": 1000, "height": 900})
    page.wait_for_timeout(SETTLED_MS)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.wait_for_timeout(SETTLED_MS)
    assert apart(canvas.screenshot(), before) < 2


def apart(one: bytes, other: bytes) -> float:
    """How far two pictures of the same size lie apart, in levels of 255 on average."""
    pixels = [np.asarray(Image.open(io.BytesIO(each)).convert("RGB"), float) for each in (one, other)]
    return float(np.abs(pixels[0] - pixels[1]).mean())


COLOUR_DIFFERS = """(() => { const canvas = document.querySelector("[data-stage-main] canvas");
    const seen = [...canvas.getContext("2d").getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data];
    return seen.some((part, place) => Math.abs(part - plain[place]) > 3); })()"""


def test_the_next_cases_photo_is_fetched_ahead(alma, browse_as):
    asked = []
    request_started.connect(lambda environ, **_others: asked.append(environ["PATH_INFO"]), weak=False)
    case, upcoming = waiting(alma), waiting(alma)
    page = browse_as(alma.doctor)
    coming = reverse("photo_upright", args=[upcoming.images.get().id])

    with page.expect_response(lambda response: response.url.endswith(coming)) as fetched:
        opened(page, case)
    assert fetched.value.ok
    # Nothing is reserved by that, and the photo is there at once: the browser does not ask for it again.
    assert not Reservation.objects.filter(case=upcoming).exists()
    page.keyboard.press("n")
    expect(page.locator("h1")).to_have_text(upcoming.reference)
    expect(page.locator(".stage-photo")).to_have_js_property("naturalHeight", 480)
    assert asked.count(coming) == 1


def test_without_a_script_the_photos_are_pictures_and_links(alma, browse_as, browser: Browser, live_server):
    case = second_visit(alma)
    signed_in = browse_as(alma.doctor)
    context = browser.new_context(java_script_enabled=False, base_url=live_server.url)
    context.add_cookies(signed_in.context.cookies())
    page = context.new_page()

    opened(page, case)
    photo_shown = page.locator(".stage-photo")
    expect(photo_shown).to_have_js_property("naturalHeight", 512)
    expect(page.locator("[data-stage-tools]")).to_be_hidden()
    expect(page.locator("[data-measure]")).to_be_hidden()
    page.locator(".filmstrip").get_by_role("link", name="Photo 2").click()
    expect(photo_shown).to_have_attribute("src", reverse("photo_upright", args=[case.images.last().id]))
    context.close()


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_the_banner_stays_with_all_it_says(alma, browse_as, width):
    case = waiting(alma)
    page = browse_as(alma.doctor)
    page.set_viewport_size({"width": width, "height": 800})
    opened(page, case)

    page.get_by_role("heading", name="Other visits").scroll_into_view_if_needed()
    page.mouse.wheel(0, 3000)

    patient = case.lesion.patient
    banner = page.get_by_role("region", name="Patient")
    for words in (str(patient), patient.mrn, str(patient.age), "Left forearm", "AI: consented", "Training: not asked"):
        expect(banner.get_by_text(words).first).to_be_in_viewport(ratio=1)
    expect(banner.locator(".body-mark")).to_be_in_viewport(ratio=1)
    fits(page)


def test_a_practice_case_is_looked_at_and_answered_by_the_same_keys(alma, browse_as):
    conditions.load_vocabulary()
    practice.add_drawn(alma.clinic, by=alma.lead, seen=0)
    page = browse_as(alma.doctor)
    page.goto(reverse("practice_next"))
    live(page)
    whole = page.locator("[data-stage-main] canvas").screenshot()
    page.keyboard.press("+")
    expect(page.locator("[data-panel=measure]")).to_have_count(0)  # nothing is known of its scale
    page.wait_for_timeout(400)  # the zoom glides
    assert page.locator("[data-stage-main] canvas").screenshot() != whole

    page.keyboard.press("4")
    expect(page.get_by_role("combobox", name="What is it?")).to_have_value(re.compile("Basal cell carcinoma"))
    expect(page.locator(".quick-pick[aria-pressed=true]")).to_have_text(re.compile("Basal cell carcinoma"))
    page.keyboard.press("s")
    expect(page.get_by_text("The AI says")).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("a")
    page.keyboard.press("s")
    expect(page.get_by_text("It was")).to_be_visible()
    read = PracticeRead.objects.get()
    assert (read.first_id, read.final_id) == ("BCC", read.practice.ai_says_id)
    page.wait_for_load_state()
    page.keyboard.press("n")
    expect(page.get_by_text("First without the AI")).to_be_visible()
