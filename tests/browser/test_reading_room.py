"""The reading room in a browser: read blind and see the AI, undo, reload, photos wanted, three people at one case."""

import re
import time

import pytest
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import Clinic, User
from accounts.roles import Role
from cases.models import Case, CaseState, FirstOpinion, PhotoRequest, Read, ReadDraft
from cases.reading import drafts
from tests import sessions
from tests.browser.looks import DESK, PHONE, TABLET
from tests.browser.test_doctor_pages import arrived, opened, waiting
from tests.cast import make_image, make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def blind(alma):
    Clinic.objects.filter(id=alma.clinic.id).update(read_first=True)
    return alma


def press(page: Page, keys: str) -> int:
    for key in keys:
        page.keyboard.press(key)
    return len(keys)


def revealed(page: Page) -> None:
    """The first opinion is committed, and the page that shows the AI is there with its scripts, and for a moment."""
    expect(page.get_by_text(re.compile("Your first opinion"))).to_be_visible()
    page.wait_for_load_state()
    page.wait_for_timeout(600)  # longer than a signature straight after it is taken for a slip (static/js/reader.js)


def test_a_day_by_keyboard_read_first_then_see_the_ai(blind, browse_as):
    first, second = waiting(blind), waiting(blind, "BCC", opinion={"probabilities": [["BCC", 0.8], ["NEV", 0.2]]})
    page = browse_as(blind.doctor)
    page.goto(reverse("worklist"))
    page.keyboard.press("n")
    arrived(page, first)
    card = page.locator("#opinion")
    expect(card).to_contain_text("Hidden until your first opinion")
    expect(page.get_by_text("lite0")).to_have_count(0)

    # An unremarkable case, from the photo to the next one: five keys.
    keys = press(page, "1qfs")
    revealed(page)
    expect(card).to_contain_text("nevus")
    keys += press(page, "s")
    assert keys <= 6
    arrived(page, second)
    read = Read.objects.get()
    assert (read.condition_id, read.first_opinion.condition_id, read.ai_visible) == ("NEV", "NEV", True)
    assert read.agrees_with_ai

    # Undo: the case is back with everything that was entered, and the AI stays revealed.
    page.keyboard.press("z")
    arrived(page, first)
    expect(page.get_by_text("Your read was taken back")).to_be_visible()
    expect(page.locator("[name=certainty][value=certain]")).to_be_checked()
    expect(card).to_contain_text("nevus")
    press(page, "s")
    arrived(page, second)

    # The AI changes the reader's mind; both opinions are kept.
    press(page, "1wfs")
    revealed(page)
    expect(card).to_contain_text("Basal cell carcinoma")
    press(page, "abs")
    expect(page.get_by_text("Nobody waits")).to_be_visible()
    read = Read.objects.get(case=second)
    assert (read.first_opinion.condition_id, read.condition_id, read.management) == ("NEV", "BCC", "biopsy")


def test_an_unfinished_read_survives_a_reload_and_is_not_overwritten_by_another_window(blind, browse_as, context):
    case = waiting(blind)
    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    press(page, "4w")
    page.get_by_label("Comment").fill("Pearly border")
    expect(page.locator("[data-draft-state]")).to_have_text(re.compile(r"Saved \d\d:\d\d"))
    page.reload()
    expect(page.locator(".quick-pick[aria-pressed=true]")).to_contain_text("Basal cell carcinoma")
    expect(page.get_by_label("Comment")).to_have_value("Pearly border")

    other = context.new_page()
    opened(other, case)
    arrived(other, case)
    with other.expect_response(re.compile("/read/draft/")):
        press(other, "b")
    with page.expect_response(re.compile("/read/draft/")):
        press(page, "d")
    expect(page.locator("[data-draft-state]")).to_contain_text("another window")
    assert ReadDraft.objects.get().management == "biopsy"

    # No connection: said, kept, and saved when it is back.
    context.set_offline(True)
    press(other, "q")
    expect(other.locator("[data-draft-state]")).to_contain_text("Not saved")
    context.set_offline(False)
    expect(other.locator("[data-draft-state]")).to_have_text(re.compile("Saved"), timeout=10_000)
    assert ReadDraft.objects.get().certainty == "certain"


def test_a_reload_that_overtakes_the_last_save_shows_what_was_typed(blind, browse_as, monkeypatch):
    case = waiting(blind)
    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    comment, state = page.get_by_label("Comment"), page.locator("[data-draft-state]")
    comment.fill("Pearly border")
    expect(state).to_have_text(re.compile(r"Saved \d\d:\d\d"))

    kept = drafts.save

    def slowly(*args, **fields):
        time.sleep(0.7)
        return kept(*args, **fields)

    monkeypatch.setattr(drafts, "save", slowly)
    comment.fill("Pearly border, ulcerated")
    expect(state).to_have_text("Saving", timeout=300)  # not "saved" any more, though nothing has been sent yet
    page.reload()
    expect(comment).to_have_value("Pearly border, ulcerated")
    # It goes on from there, and no other window is made out.
    with page.expect_response(re.compile("/read/draft/")):
        comment.fill("Pearly border, ulcerated, bleeding")
    expect(state).to_have_text(re.compile(r"Saved \d\d:\d\d"))
    assert ReadDraft.objects.get().comment == "Pearly border, ulcerated, bleeding"


def test_at_a_desk_the_whole_blind_form_is_in_view(blind, browse_as):
    """Nobody scrolls to read an unremarkable case; and the button is in view on any screen."""
    case = waiting(blind)
    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    page.set_viewport_size(DESK)
    bar = page.locator(".reading-act")
    edge = bar.bounding_box()["y"]
    for field in page.locator("#read-form .field, #read-form .quick").all():
        box = field.bounding_box()
        assert box["y"] + box["height"] <= edge, field.inner_text()
    # Text that grows makes room for itself, up to a limit.
    comment = page.get_by_label("Comment")
    before = comment.bounding_box()["height"]
    comment.fill("Pearly border\n" * 4)
    assert comment.bounding_box()["height"] > before + 40
    for size in (DESK, TABLET, PHONE):
        page.set_viewport_size(size)
        page.evaluate("window.scrollTo(0, 0)")
        expect(page.get_by_role("button", name="Commit and see the AI")).to_be_in_viewport(ratio=1)


def test_what_a_read_lacks_is_in_view_below_a_long_opinion(alma, browse_as):
    case = waiting(alma)
    page = opened(browse_as(alma.doctor), case)
    arrived(page, case)
    page.set_viewport_size(DESK)
    page.evaluate("document.getElementById('read-form').noValidate = true")  # what only the server finds
    press(page, "ws")
    problem = page.locator("#read-form").get_by_role("alert")
    expect(problem).to_be_focused()
    expect(problem).to_be_in_viewport(ratio=0.9)
    expect(problem).to_contain_text("Choose the condition that you see.")


def test_a_conflict_leaves_the_photos_and_the_form_in_the_window(blind, browse_as):
    case = waiting(blind)
    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    make_image(case, kind="overview")
    press(page, "4wbs")
    expect(page.get_by_role("alert")).to_contain_text("were changed since you opened it")
    for part in (".filmstrip", ".reading-act .btn-primary", ".picker input"):
        expect(page.locator(part).first).to_be_in_viewport(ratio=1)


def test_a_key_that_is_held_down_commits_and_does_not_sign(blind, browse_as):
    case = waiting(blind)
    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    press(page, "1qf")
    for _repeat in range(40):  # as a keyboard sends them, on this page and on the one that shows the AI
        page.keyboard.down("s")
        page.wait_for_timeout(50)
    page.keyboard.up("s")
    expect(page.locator("#opinion .ai-rank")).to_be_visible()
    assert FirstOpinion.objects.count() == 1
    assert not Read.objects.exists()
    press(page, "s")
    expect(page.locator("h1")).not_to_have_text(case.reference)
    assert Read.objects.count() == 1


def test_a_photo_that_came_meanwhile_is_seen_before_the_ai_is(blind, browse_as):
    case = waiting(blind)
    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    press(page, "4w")
    page.get_by_label("Comment").fill("Pearly border")
    page.keyboard.press("Escape")
    added = make_image(case, kind="overview")
    press(page, "bs")
    expect(page.get_by_role("alert")).to_contain_text("Answers or photos of this case were changed")
    expect(page.locator(f'.filmstrip [data-photo="{added.id}"]')).to_be_visible()
    expect(page.get_by_label("Comment")).to_have_value("Pearly border")
    expect(page.locator(".quick-pick[aria-pressed=true]")).to_contain_text("Basal cell carcinoma")
    assert not FirstOpinion.objects.exists()

    # What is typed now is saved as before, and the second commit reveals.
    with page.expect_response(re.compile("/read/draft/")) as saved:
        press(page, "e")
    assert saved.value.ok
    press(page, "s")
    revealed(page)
    assert FirstOpinion.objects.get().newest_photo == added


def test_without_a_connection_the_commit_waits_on_the_page(blind, browse_as, context):
    case = waiting(blind)
    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    press(page, "1qf")
    context.set_offline(True)
    press(page, "s")
    expect(page.locator("#toasts")).to_contain_text("could not be reached")
    expect(page.locator("h1")).to_have_text(case.reference)
    context.set_offline(False)
    press(page, "s")
    expect(page.locator("#opinion .ai-rank")).to_be_visible()
    assert FirstOpinion.objects.get().condition_id == "NEV"


def test_signed_out_in_mid_read_is_said_and_leads_back(blind, browse_as, context):
    case = waiting(blind)
    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    press(page, "1")
    expect(page.locator("[data-draft-state]")).to_have_text(re.compile("Saved"))
    context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    press(page, "q")
    expect(page.locator("[data-draft-state]")).to_contain_text("signed out")
    press(page, "fs")
    page.wait_for_url(re.compile(f"login/.*{case.id}"))
    assert ReadDraft.objects.get().condition_id == "NEV"


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503, "json": {"error": "The database does not answer.", "code": "database_away"}},
        {"status": 502, "content_type": "text/html", "body": "<h1>Bad Gateway</h1>"},
        {"status": 429, "body": ""},
    ],
    ids=["503", "502", "429"],
)
def test_a_server_at_fault_for_a_moment_ends_no_saving(blind, browse_as, fault):
    case = waiting(blind)
    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    page.route("**/read/draft/", lambda route: route.fulfill(**fault), times=1)
    press(page, "1")
    expect(page.locator("[data-draft-state]")).to_have_text(re.compile("Not saved: the server.*Trying again"))
    assert not ReadDraft.objects.exists()
    expect(page.locator("[data-draft-state]")).to_have_text(re.compile("Saved"), timeout=10_000)
    assert ReadDraft.objects.get().condition_id == "NEV"


def test_a_server_at_fault_as_one_commits_leaves_the_page_as_it_is(blind, browse_as):
    case = waiting(blind)
    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    page.route("**/first-opinion/", lambda route: route.fulfill(status=503, json={"error": ""}), times=1)
    press(page, "1qfs")
    expect(page.locator("#toasts")).to_contain_text("What you typed is still here")
    expect(page.locator("h1")).to_have_text(case.reference)
    press(page, "s")
    expect(page.locator("#opinion .ai-rank")).to_be_visible()
    assert FirstOpinion.objects.get().condition_id == "NEV"


def test_two_doctors_get_different_cases_and_see_each_other(blind, browse_as, context):
    first, second = waiting(blind), waiting(blind)
    colleague = make_person(blind.clinic, Role.DOCTOR, name="Dr. Vera Colleague")
    page = browse_as(blind.doctor)
    page.goto(reverse("worklist_next"))
    arrived(page, first)
    other_context = page.context.browser.new_context(viewport={"width": 1440, "height": 900})
    origin = page.url.split("/cases/")[0]
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": sessions.key_for(colleague), "url": origin}
    other_context.add_cookies([cookie])
    other = other_context.new_page()
    other.goto(origin + reverse("worklist_next"))
    arrived(other, second)
    opened(page, second)
    expect(page.get_by_text("Dr. Vera Colleague is reading this case")).to_be_visible()
    # Who leaves lets the case go.
    other.goto(origin + reverse("worklist"))
    expect(other.locator("h1")).to_have_text("Worklist")
    page.reload()
    expect(page.get_by_text("is reading this case")).to_have_count(0)
    other_context.close()


def test_photos_wanted_and_retaken(blind, browse_as, tmp_path):
    from tests.cast import photo

    case = waiting(blind)
    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    press(page, "p")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Ask for photos").click()
    expect(dialog.get_by_role("alert")).to_have_text("Tick what is wrong, or say what staff should take.")
    expect(dialog.get_by_label(re.compile("Blurred"))).to_be_focused()
    page.keyboard.press("Space")
    dialog.get_by_label("What should staff take?").fill("From 10 cm, in focus")
    dialog.get_by_role("button", name="Ask for photos").click()
    expect(page.get_by_text("went back to staff for better photos")).to_be_visible()
    assert Case.objects.get().state == CaseState.PHOTOS_WANTED

    staff = opened(browse_as(blind.staff), case)
    wanted = staff.locator("#photos-wanted")
    expect(wanted).to_contain_text("hold still")
    expect(wanted).to_contain_text("From 10 cm, in focus")
    expect(wanted.get_by_role("button", name="Send back")).to_have_count(0)
    wanted.get_by_text("There can be no better photo").click()
    wanted.get_by_role("button", name="Send back without a new photo").click()
    expect(staff.get_by_text("Add at least one new photo")).to_be_visible()
    file = tmp_path / "again.jpg"
    file.write_bytes(photo("NEV", seed=77, width=640, height=480))
    opened(staff, case)
    staff.locator("input[type=file]").first.set_input_files(file)
    expect(staff.locator("[data-row-state], .upload-row")).not_to_have_count(0)
    expect(staff.locator(".filmstrip a")).to_have_count(2)
    wanted.get_by_role("button", name="Send back to the doctor").click()
    expect(staff.get_by_text("A doctor will look at it")).to_be_visible()
    opened(staff, case)
    assert Case.objects.get().state == CaseState.WAITING


def test_photos_are_wanted_by_keyboard_alone(blind, browse_as):
    case = waiting(blind, photos=2)
    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    press(page, "p")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("legend + .choices kbd")).to_have_text([*"123456789"])
    press(page, "2q")  # the keys of the page below rest
    expect(dialog.get_by_label(re.compile("Too dark"))).to_be_checked()
    expect(page.locator("[name=certainty]:checked")).to_have_count(0)
    press(page, "2")
    expect(dialog.get_by_label(re.compile("Too dark"))).not_to_be_checked()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert not PhotoRequest.objects.exists()

    # Tab goes as the eye does: reasons, what to take, this photo alone, ask, cancel.
    press(page, "p9")
    order = ("[name=note]", "[name=photo]", "[type=submit]:has-text('Ask')", "[type=submit]:has-text('Cancel')")
    for name in order:
        page.keyboard.press("Tab")
        expect(dialog.locator(name)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Control+Enter")
    expect(dialog.get_by_role("alert")).to_be_visible()
    expect(dialog.locator("[name=note]")).to_be_focused()
    press(page, "10 cm, c")  # in a field they are letters and figures
    page.keyboard.press("Shift+Tab")
    press(page, "160")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("went back to staff for better photos")).to_be_visible()
    asked = PhotoRequest.objects.get()
    assert (set(asked.faults), asked.note) == ({"other", "blurred", "dermoscopy"}, "10 cm, c")
    assert asked.photo == case.images.order_by("created_at", "id").first()


def test_keys_that_are_switched_off_tick_nothing(blind, browse_as):
    User.objects.filter(id=blind.doctor.id).update(single_keys=False)
    page = opened(browse_as(blind.doctor), waiting(blind))
    page.get_by_role("button", name="Photos", exact=True).click()
    dialog = page.get_by_role("dialog")
    press(page, "2")
    expect(dialog.locator("[name=faults]:checked")).to_have_count(0)
    expect(dialog.locator(".choices kbd").first).to_be_hidden()
    dialog.get_by_label(re.compile("Too dark")).check()
    page.keyboard.press("Control+Enter")  # no single key
    expect(page.get_by_text("went back to staff for better photos")).to_be_visible()
    assert PhotoRequest.objects.get().faults == ["dark"]


def test_the_help_names_the_keys_of_asking_for_photos(blind, browse_as):
    case = waiting(blind)
    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    press(page, "?")
    keys = page.get_by_role("dialog")
    expect(keys).to_contain_text("what is wrong, what to take, this photo alone")
    expect(keys).to_contain_text("Ctrl Enter")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    # In a low window it begins at its top, and Enter does not lead away to the settings.
    page.set_viewport_size({"width": 1366, "height": 600})
    press(page, "?")
    expect(keys.get_by_role("heading")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(keys).to_be_visible()


def test_the_photo_that_is_shown_can_be_the_one_to_take_again(blind, browse_as):
    case = waiting(blind, photos=2)
    other = case.images.order_by("created_at", "id").last()
    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    page.locator(f'.filmstrip [data-photo="{other.id}"]').click()
    press(page, "p")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(re.compile("Blurred")).check()
    dialog.get_by_label("It is about this photo alone").check()
    dialog.get_by_role("button", name="Ask for photos").click()
    expect(page.get_by_text("went back to staff for better photos")).to_be_visible()
    assert PhotoRequest.objects.get().photo == other
    staff = opened(browse_as(blind.staff), case)
    expect(staff.locator("#photos-wanted")).to_contain_text("This photo: photo 2")


def test_second_read_and_arbitration_with_three_people(blind, browse_as):
    Clinic.objects.filter(id=blind.clinic.id).update(second_read_all=True)
    other = make_person(blind.clinic, Role.DOCTOR)
    case = waiting(blind)

    page = opened(browse_as(blind.doctor), case)
    arrived(page, case)
    press(page, "1qds")
    revealed(page)
    press(page, "s")
    expect(page.get_by_text("No other case waits.")).to_be_visible()

    page = opened(browse_as(other), case)
    arrived(page, case)
    expect(page.get_by_text("Second read. The first stays hidden")).to_be_visible()
    expect(page.locator("#history")).not_to_contain_text("nevus")
    press(page, "6qus")
    revealed(page)
    expect(page.locator("#history")).not_to_contain_text("nevus")
    press(page, "s")
    expect(page.get_by_text("No other case waits.")).to_be_visible()
    assert Case.objects.get().read_stage == "arbitration"

    page = opened(browse_as(blind.lead), case)
    arrived(page, case)
    expect(page.locator(".two-reads li")).to_have_count(2)
    assert blind.doctor.name not in page.content()
    assert other.name not in page.content()
    press(page, "6qus")
    expect(page.get_by_text("No other case waits.")).to_be_visible()
    assert Case.objects.get().state == CaseState.SIGNED
    assert list(Read.objects.values_list("kind", flat=True)) == ["first", "second", "arbitration"]
    assert FirstOpinion.objects.count() == 2
