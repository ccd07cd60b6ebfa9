"""Photos on a bad line: nothing is lost, nothing is sent twice, nothing is shown as sent that is not."""

import hashlib
import json
import re
import time

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from cases.models import LesionImage
from tests.browser.looks import fits, is_sound
from tests.browser.test_staff_pages import row
from tests.cast import make_case, make_patient, photo

WAITING = re.compile("Waiting for connection")


@pytest.fixture
def near(tmp_path):
    (tmp_path / "near.jpg").write_bytes(photo(seed=1))
    return tmp_path / "near.jpg"


@pytest.fixture
def case(alma):
    return make_case(alma)


@pytest.fixture
def page(alma, browse_as, case) -> Page:
    opened = browse_as(alma.staff)
    opened.goto(reverse("case_change", args=[case.id]))
    return opened


def choose(page: Page, path) -> None:
    page.locator("[data-uploader-files]").first.set_input_files(path)


def arrived_once(near) -> None:
    assert LesionImage.objects.get().sha256 == hashlib.sha256(near.read_bytes()).hexdigest()


def test_offline_in_mid_upload_then_reload_in_another_tab(page, case, near, context):
    page.route("**/photos/", lambda route: (context.set_offline(True), route.abort("internetdisconnected")))
    choose(page, near)
    expect(row(page, "near.jpg")).to_contain_text(WAITING)
    expect(row(page, "near.jpg")).not_to_contain_text("Arrived")
    fits(page)
    assert not LesionImage.objects.exists()
    page.close()
    context.set_offline(False)

    # Any page says so; the case's own page sends it.
    page = context.new_page()
    page.goto(reverse("patient_list"))
    note = page.locator("[data-unsent-note]")
    expect(note).to_contain_text("1 photo is not yet sent")
    is_sound(page)
    note.get_by_role("link", name=case.reference).click()
    expect(page.locator(".upload-row").filter(has_text="near.jpg")).to_contain_text("Arrived")
    arrived_once(near)
    page.goto(reverse("patient_list"))
    expect(note).to_be_hidden()


def test_a_server_that_fails_twice_and_a_reload(page, near):
    tries = []

    def fail_twice(route) -> None:
        tries.append(route.request.url)
        route.fulfill(status=500, body="broken") if len(tries) < 3 else route.continue_()

    page.route("**/photos/", fail_twice)
    choose(page, near)
    expect(row(page, "near.jpg")).to_contain_text("tried again by itself")
    page.reload()
    expect(row(page, "near.jpg")).to_contain_text("Arrived")
    assert len(tries) == 3
    arrived_once(near)


def test_a_line_that_is_too_slow_for_the_proxy_is_tried_again(page, near):
    """nginx answers 408 where a request comes too slowly; 429 and 425 mean "not now" as well."""
    answers = [
        {"status": 408, "body": "<html>408 Request Time-out</html>"},
        {"status": 425, "body": ""},
        {"status": 429, "body": "", "headers": {"Retry-After": "3"}},
    ]
    times = []

    def answer(route) -> None:
        times.append(time.monotonic())
        route.fulfill(**answers[len(times) - 1]) if len(times) <= len(answers) else route.continue_()

    page.route("**/photos/", answer)
    choose(page, near)
    expect(row(page, "near.jpg")).to_contain_text("too slow, or stands still")
    expect(row(page, "near.jpg")).to_contain_text("tried again by itself")
    expect(row(page, "near.jpg")).to_contain_text("Arrived", timeout=20_000)
    assert len(times) == 4
    assert times[3] - times[2] >= 3  # what Retry-After asks for
    arrived_once(near)


def test_a_request_that_stands_still_is_given_up_and_tried_again(page, near):
    page.locator("[data-uploader]").evaluate("element => { element.dataset.patience = 1500 }")
    held = []
    page.route("**/photos/", lambda route: route.continue_() if held else held.append(route))
    choose(page, near)
    expect(row(page, "near.jpg")).to_contain_text(re.compile("Sending|Looking"))
    expect(row(page, "near.jpg")).to_contain_text("too slow, or stands still")
    expect(row(page, "near.jpg")).to_contain_text("Arrived", timeout=20_000)
    arrived_once(near)


def test_two_tabs_send_once_and_both_know(page, case, near, context):
    held = []
    page.route("**/photos/", lambda route: held.append(route))
    with page.expect_request("**/photos/"):
        choose(page, near)
    other = context.new_page()
    sent = []
    other.on("request", lambda request: sent.append(request.url) if request.url.endswith("/photos/") else None)
    other.goto(page.url)
    expect(row(other, "near.jpg")).to_contain_text("Another tab")
    held[0].continue_()
    expect(row(page, "near.jpg")).to_contain_text("Arrived")
    expect(row(other, "near.jpg")).to_contain_text("Arrived")
    assert sent == []
    arrived_once(near)


def test_signed_out_meanwhile_and_signing_out_warns(page, near, context):
    cookies = context.cookies()
    context.clear_cookies()
    choose(page, near)
    expect(row(page, "near.jpg")).to_contain_text("signed out")
    assert not LesionImage.objects.exists()
    context.add_cookies(cookies)
    other = context.new_page()
    other.goto(reverse("patient_list"))
    other.get_by_role("button", name=re.compile("^Menu of")).click()
    other.get_by_role("button", name="Sign out").click()
    expect(other.locator("#ask")).to_contain_text("1 photo is not yet sent")
    other.locator("#ask").get_by_role("button", name="Cancel").click()
    row(page, "near.jpg").get_by_role("button", name="Try again").click()
    expect(row(page, "near.jpg")).to_contain_text("Arrived")
    arrived_once(near)


def test_the_checksum_without_the_browsers_help_is_the_same(page):
    for size in (0, 55, 64, 1000):
        data = bytes(range(256)) * 4
        told = page.evaluate(
            "async ([bytes, address]) => (await import(address)).ownSha256(new Uint8Array(bytes).buffer)",
            [list(data[:size]), "/static/js/checksum.js"],
        )
        assert told == hashlib.sha256(data[:size]).hexdigest()


def test_a_photo_of_a_case_never_saved_waits_for_a_decision(alma, browse_as, near, context):
    patient, stranger = make_patient(alma), make_patient(alma)
    page = browse_as(alma.staff)
    page.goto(f"{reverse('case_new')}?patient={patient.id}")
    choose(page, near)
    expect(row(page, "near.jpg")).to_contain_text("Waiting for its turn")
    page.close()

    page = context.new_page()
    page.goto(f"{reverse('case_new')}?patient={stranger.id}")
    expect(page.locator("[data-unsent-note]")).to_contain_text("New case (1)")
    assert row(page, "near.jpg").count() == 0  # another patient's
    page.goto(f"{reverse('case_new')}?patient={patient.id}")
    row(page, "near.jpg").get_by_role("button", name="Add to this case").click()
    page.get_by_role("group", name="Body site").get_by_role("radio", name="Nose", exact=True).check()
    expect(row(page, "near.jpg")).to_contain_text("Arrived")
    arrived_once(near)
    assert LesionImage.objects.get().case.lesion.patient == patient


AGE = """([days, warnedDays]) => new Promise((done) => {
  const request = indexedDB.open("skinclinic-outbox");
  request.onsuccess = () => {
    const transaction = request.result.transaction("parcels", "readwrite");
    const store = transaction.objectStore("parcels");
    const all = store.getAll();
    all.onsuccess = () => {
      for (const parcel of all.result) {
        parcel.addedAt = Date.now() - days * 864e5;
        if (warnedDays !== null) parcel.warnedAt = Date.now() - warnedDays * 864e5;
        store.put(parcel);
      }
    };
    transaction.oncomplete = () => { request.result.close(); done(); };
  };
})"""
KEPT = """() => new Promise((done) => {
  const request = indexedDB.open("skinclinic-outbox");
  request.onsuccess = () => {
    const all = request.result.transaction("parcels").objectStore("parcels").getAll();
    all.onsuccess = () => { request.result.close(); done(all.result.map((parcel) => Object.keys(parcel).sort())); };
  };
})"""
ALL_THAT_IS_LEFT = [["clinic", "expiredAt", "id", "user"]]


@pytest.fixture
def elsewhere(page, near, context) -> Page:
    """Another page, without uploader, beside a photo that could not be sent; its case's page is closed."""
    context.route("**/photos/", lambda route: route.abort("internetdisconnected"))
    choose(page, near)
    expect(row(page, "near.jpg")).to_contain_text(WAITING)
    page.close()
    other = context.new_page()
    other.goto(reverse("patient_list"))
    return other


def test_a_photo_that_stays_unsent_is_warned_of_and_goes_after_two_weeks(elsewhere):
    page, note = elsewhere, elsewhere.locator("[data-unsent-note]")
    expect(note).to_contain_text("1 photo is not yet sent")
    expect(note).not_to_contain_text("14 days")
    page.evaluate(AGE, [8, None])
    page.reload()
    expect(note).to_contain_text("What stays unsent for 14 days is removed")
    is_sound(page)

    # Its person comes back late: they are told first, and have a day.
    page.evaluate(AGE, [30, 0.5])
    page.reload()
    expect(note).to_contain_text("1 photo is not yet sent")
    page.evaluate(AGE, [30, 2])
    page.reload()
    expect(note).to_contain_text("1 photo was removed from this browser")
    expect(note.locator("[data-unsent-waiting]")).to_be_hidden()
    assert page.evaluate(KEPT) == ALL_THAT_IS_LEFT
    is_sound(page)
    note.get_by_role("button", name="Understood").click()
    expect(note).to_be_hidden()


def test_a_photo_of_somebody_who_does_not_come_back_goes_when_another_is_here(elsewhere, alma, browse_as):
    page, note = elsewhere, elsewhere.locator("[data-unsent-note]")
    expect(note).to_contain_text("1 photo is not yet sent")
    page.evaluate(AGE, [13, None])
    stranger = browse_as(alma.doctor)
    stranger.goto("/")
    assert stranger.evaluate(KEPT) != ALL_THAT_IS_LEFT
    page.evaluate(AGE, [15, None])
    stranger.reload()
    left = json.dumps(ALL_THAT_IS_LEFT, separators=(",", ":"))
    stranger.wait_for_function(f"async () => JSON.stringify(await ({KEPT})()) === '{left}'")
    expect(stranger.locator("body")).not_to_contain_text("removed from this browser")
    returned = browse_as(alma.staff)
    returned.goto(reverse("patient_list"))
    expect(returned.locator("[data-unsent-note]")).to_contain_text("1 photo was removed from this browser")


def test_an_old_photo_is_sent_when_its_page_is_opened(page, near, case, context):
    context.route("**/photos/", lambda route: route.abort("internetdisconnected"))
    choose(page, near)
    expect(row(page, "near.jpg")).to_contain_text(WAITING)
    page.evaluate(AGE, [30, 20])
    context.unroute("**/photos/")
    page.reload()
    expect(row(page, "near.jpg")).to_contain_text("Arrived")
    arrived_once(near)
