"""A doctor at work: the list, the photo, the AI's opinion, signing, correcting, and what goes wrong in between."""

import io
import itertools
import re
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from cases.models import Case, CaseState, Condition, Prediction, PredictionState, Read, Urgency
from cases.photo import intake
from cases.reading import reads, reservations
from cases.record import lifecycle
from cases.vocabulary import conditions
from tests.browser.looks import DESK, PHONE, is_sound
from tests.cases.readings import QUEUED, URGENT, predict
from tests.cast import make_case, photo

pytestmark = pytest.mark.django_db(transaction=True)

MAPS = np.random.default_rng(1).normal(size=(3, 7, 7)).astype(np.float16).tobytes()
SEEDS = itertools.count(1)  # no photo twice: intake would ask whether it is the right patient


def waiting(cast, kind="NEV", *, photos=1, opinion=None, **fields) -> Case:
    """A case with real (drawn) photos and an opinion on each."""
    case = make_case(cast, **fields)
    for _number in range(photos):
        file = io.BytesIO(photo(kind, seed=next(SEEDS), width=640, height=480))
        image = intake.accept(case, file, name="photo.jpg", by=cast.staff)
        predict(image, **{"maps": MAPS, **(opinion or {})})
    return lifecycle.send(case.id)


def opened(page: Page, case: Case) -> Page:
    page.goto(reverse("case_detail", args=[case.id]))
    return page


def arrived(page: Page, case: Case) -> None:
    """The page of `case` is there, its scripts included."""
    expect(page.locator("h1")).to_have_text(case.reference)
    page.wait_for_load_state()


def sign_elsewhere(case: Case, reader, **changes) -> Read:
    """Another doctor signs while the page is open."""
    last = reads.newest(case)
    return reads.sign(
        case_id=case.id,
        reader=reader,
        read_id=uuid4(),
        condition=Condition.objects.get(code="MEL"),
        **{
            "certainty": "certain",
            "management": "urgent_referral",
            "ai_visible": False,
            "newest_seen": last and last.id,
            **changes,
        },
    )


def test_from_the_list_through_two_cases_by_keyboard(alma, browse_as):
    first = waiting(alma, requested_urgency=Urgency.SOON)
    second = waiting(alma, "BCC")
    page = browse_as(alma.doctor)

    page.goto(reverse("worklist"))
    expect(page.locator(".worklist tbody tr")).to_have_count(2)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    arrived(page, first)

    # The heat map lies exactly on the photo, and goes again.
    overlay = page.locator(".stage-heat")
    expect(overlay).to_be_hidden()
    page.keyboard.press("h")
    expect(overlay).to_be_visible()
    expect(overlay).to_have_js_property("naturalWidth", 512)
    lies, photo_lies = overlay.bounding_box(), page.locator("[data-stage-canvas]").bounding_box()
    assert lies["x"] + lies["width"] / 2 == pytest.approx(photo_lies["x"] + photo_lies["width"] / 2, abs=1)
    assert lies["width"] / lies["height"] == pytest.approx(640 / 480, abs=0.01)
    assert lies["width"] == pytest.approx(photo_lies["width"], abs=1) or lies["height"] == pytest.approx(
        photo_lies["height"], abs=1
    )
    page.get_by_label("Evidence for").select_option("MEL")
    expect(overlay).to_have_attribute("src", re.compile("condition=MEL"))
    page.keyboard.press("Escape")
    page.locator(".heat-switch").uncheck()
    expect(overlay).to_be_hidden()

    # Agree: four keys sign a whole read, and the next case is there.
    for key in ("a", "q", "f", "s"):
        page.keyboard.press(key)
    arrived(page, second)
    expect(page.get_by_text(re.compile(r"Signed \d\d:\d\d"))).to_be_visible()
    read = Read.objects.get()
    assert (read.case, read.condition_id, read.agrees_with_ai) == (first, "NEV", True)
    assert (read.certainty, read.management) == ("certain", "follow_up")

    # Relabel by a synonym.
    page.keyboard.press("r")
    page.keyboard.type("rodent")
    expect(page.locator(".picker-list").get_by_role("option")).to_have_text([re.compile("Basal cell carcinoma")])
    for key in ("Enter", "w", "b"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Sign and next").click()
    expect(page).to_have_url(re.compile(reverse("worklist")))
    expect(page.get_by_text("No other case waits.")).to_be_visible()
    expect(page.get_by_text("Nobody waits")).to_be_visible()
    read = Read.objects.get(case=second)
    assert (read.condition_id, read.agrees_with_ai) == ("BCC", False)


def test_a_correction_leaves_the_first_read_in_sight(alma, browse_as):
    case = waiting(alma)
    sign_elsewhere(case, alma.doctor, comment="Black network.")
    page = opened(browse_as(alma.doctor), case)

    page.get_by_text("Sign a correction").click()
    page.get_by_label("Condition").first.fill("ICD")  # no such condition
    page.keyboard.press("Escape")
    page.get_by_label("Condition").first.fill("C44.91")
    page.keyboard.press("Enter")
    page.get_by_label("Probable").check()
    page.get_by_label("Biopsy", exact=True).check()
    page.get_by_label(re.compile("Comment")).first.fill("Pearly rim after all.")
    page.get_by_role("button", name="Sign the correction").click()

    history = page.locator("#history")
    expect(history.get_by_text("Black network.")).to_be_visible()
    expect(history.get_by_text("Pearly rim after all.")).to_be_visible()
    expect(history.get_by_text(re.compile("corrects the read of"))).to_be_visible()
    assert [read.condition_id for read in reads.history(case)] == ["MEL", "BCC"]


def test_a_conflict_keeps_what_was_typed(alma, browse_as):
    case = waiting(alma)
    page = opened(browse_as(alma.doctor), case)
    for key in ("a", "q", "f"):
        page.keyboard.press(key)
    page.get_by_label(re.compile("Comment")).fill("Regular network.")
    sign_elsewhere(case, alma.lead, comment="Irregular network.")

    page.get_by_role("button", name="Sign and next").click()

    expect(page.get_by_role("alert").filter(has_text="in the meantime")).to_be_visible()
    expect(page.get_by_text("Irregular network.")).to_be_visible()
    expect(page.get_by_label(re.compile("Comment")).first).to_have_value("Regular network.")
    assert Read.objects.count() == 1
    page.locator("#read-form").get_by_role("button", name="Sign").click()
    expect(page.locator("#history").get_by_text("Regular network.", exact=True)).to_be_visible()
    assert Read.objects.count() == 2


def test_keys_rest_while_one_types(alma, browse_as):
    case, _other = waiting(alma), waiting(alma)
    page = opened(browse_as(alma.doctor), case)

    comment = page.get_by_label(re.compile("Comment"))
    comment.press_sequentially("As an adult: no fever, but ugly? s1 /")

    expect(comment).to_have_value("As an adult: no fever, but ugly? s1 /")
    expect(page.locator("h1")).to_have_text(case.reference)
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert page.locator("#read-form input:checked").count() == 0
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys for reading")).to_be_visible()


@pytest.mark.parametrize("answer", ["Cancel", "Yes, discharge and sign"])
def test_a_flagged_case_is_not_discharged_by_a_slip(alma, browse_as, answer):
    case = waiting(alma, opinion=URGENT)
    page = opened(browse_as(alma.doctor), case)
    expect(page.get_by_text(re.compile("Urgent: malignancy 64"))).to_be_visible()
    page.keyboard.press("r")
    page.keyboard.type("nev")
    for key in ("Enter", "q", "d", "s"):
        page.keyboard.press(key)

    question = page.get_by_role("dialog", name="Discharge this patient?")
    expect(question).to_be_visible()
    assert not Read.objects.exists()
    question.get_by_role("button", name=answer).click()

    if answer == "Cancel":
        expect(question).to_be_hidden()
        assert not Read.objects.exists()
    else:
        expect(page).to_have_url(re.compile(reverse("worklist")))
        assert Read.objects.get().management == "discharge"


def test_an_opinion_arrives_by_itself_and_moves_nothing(alma, browse_as):
    case = waiting(alma, opinion=QUEUED)
    page = opened(browse_as(alma.doctor), case)
    expect(page.locator("#opinion")).to_have_attribute("data-state", "queued")
    page.get_by_label(re.compile("Comment")).fill("Typed meanwhile.")
    # What else comes by itself is there: only the opinion may move something now.
    expect(page.locator("[data-draft-state]")).to_contain_text("Saved")
    page.wait_for_load_state("networkidle")
    page.evaluate(
        """() => { window.shifted = 0;
        new PerformanceObserver(list => { for (const entry of list.getEntries()) window.shifted += entry.value; })
          .observe({type: "layout-shift", buffered: false}); }"""
    )
    before = page.locator("#read-form").bounding_box()

    Prediction.objects.update(
        state=PredictionState.DONE,
        finished_at=timezone.now(),
        probabilities=[["NEV", 0.62], ["MEL", 0.21], ["BCC", 0.17]],
        answer_set=["NEV", "MEL"],
        malignant_probability=0.38,
    )

    expect(page.locator("#opinion")).to_have_attribute("data-state", "done", timeout=10_000)
    expect(page.locator("#opinion-said")).to_contain_text("AI opinion: Melanocytic nevus 62")
    assert page.locator("#read-form").bounding_box() == before
    assert page.evaluate("window.shifted") < 0.001
    expect(page.get_by_label(re.compile("Comment"))).to_have_value("Typed meanwhile.")
    for key in ("Escape", "a", "w", "b", "s"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile(reverse("worklist")))
    assert Read.objects.get().prediction == Prediction.objects.get()


def test_another_photo_brings_its_own_opinion_and_loses_nothing_typed(alma, browse_as):
    case = waiting(alma, photos=2)
    calm, flagged = Prediction.objects.order_by("image__created_at")
    Prediction.objects.filter(id=flagged.id).update(**URGENT)
    page = opened(browse_as(alma.doctor), case)
    expect(page.get_by_role("heading", name="AI opinion photo 2 of 2")).to_be_visible()
    page.get_by_label(re.compile("Comment")).fill("Kept.")

    page.locator(".filmstrip").get_by_role("link", name="Photo 1").click()

    expect(page.get_by_role("heading", name="AI opinion photo 1 of 2")).to_be_visible()
    expect(page.get_by_text(re.compile("photo 2 is flagged"))).to_be_visible()
    expect(page.locator(".stage-photo")).to_have_attribute("src", re.compile(str(calm.image_id)))
    expect(page.get_by_label(re.compile("Comment"))).to_have_value("Kept.")
    for key in ("Escape", "a", "q", "f", "s"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile(reverse("worklist")))
    assert Read.objects.get().prediction == calm


def test_a_new_case_is_announced_and_shown_on_wish(alma, browse_as):
    waiting(alma)
    page = browse_as(alma.doctor)
    page.goto(reverse("worklist"))
    rows = page.locator(".worklist tbody tr")
    expect(rows).to_have_count(1)
    rows.first.hover()  # a list in use does not change by itself
    before = rows.first.bounding_box()

    waiting(alma)
    page.evaluate("htmx.trigger('#worklist-counts', 'retry')")

    news = page.get_by_role("link", name="1 new case: show")
    expect(news).to_be_visible()
    expect(page.locator("#tab-waiting")).to_have_text(re.compile("Waiting 2"))
    assert rows.first.bounding_box() == before
    news.click()
    expect(rows).to_have_count(2)


def test_a_list_in_use_renews_what_its_rows_say_and_marks_what_is_gone(alma, browse_as):
    first, second, third = waiting(alma), waiting(alma), waiting(alma)
    page = browse_as(alma.doctor)
    page.goto(reverse("worklist"))
    rows = page.locator(".worklist tbody tr")
    expect(rows).to_have_count(3)
    row = {case: rows.filter(has=page.get_by_text(case.reference, exact=True)) for case in (first, second, third)}
    row[second].hover()
    before = [row[case].bounding_box() for case in row]

    Case.objects.filter(id=first.id).update(waiting_since=timezone.now() - timedelta(hours=73))
    reservations.reserve(second, alma.lead)
    lifecycle.withdraw(third.id, "twice")
    page.evaluate("htmx.trigger('#worklist-counts', 'retry')")

    expect(row[first].locator(".due")).to_have_text(re.compile("over"))
    expect(row[second]).to_contain_text(str(alma.lead))
    expect(row[third]).to_contain_text("No longer in this list")
    assert [row[case].bounding_box() for case in row] == before

    page.mouse.move(0, 0)
    page.evaluate("htmx.trigger('#worklist-counts', 'retry')")
    expect(rows).to_have_count(2)


def test_a_list_nobody_is_using_keeps_up_by_itself(alma, browse_as):
    waiting(alma)
    page = browse_as(alma.doctor)
    page.goto(reverse("worklist"))
    expect(page.locator(".worklist tbody tr")).to_have_count(1)

    waiting(alma)
    page.evaluate("htmx.trigger('#worklist-counts', 'retry')")

    expect(page.locator(".worklist tbody tr")).to_have_count(2)
    expect(page.locator(".worklist-news a:visible")).to_have_count(0)


def test_a_case_that_becomes_urgent_says_so_under_the_pointer(alma, browse_as):
    first, second = waiting(alma), waiting(alma)
    page = browse_as(alma.doctor)
    page.goto(reverse("worklist"))
    rows = page.locator(".worklist tbody tr")
    row = {case: rows.filter(has=page.get_by_text(case.reference, exact=True)) for case in (first, second)}
    expect(row[second]).to_contain_text("Routine")
    row[first].hover()
    before = [row[case].bounding_box() for case in row]

    Case.objects.filter(id=second.id).update(urgency=Urgency.URGENT)
    page.evaluate("htmx.trigger('#worklist-counts', 'retry')")

    expect(row[second]).to_contain_text("Urgent")
    assert [row[case].bounding_box() for case in row] == before
    page.get_by_role("link", name="The order has changed: show").click()
    expect(rows.first).to_contain_text(second.reference)


def test_a_saved_view_counts_what_came(alma, browse_as):
    waiting(alma)
    page = browse_as(alma.doctor)
    page.goto(f"{reverse('worklist')}?sort=newest")
    page.get_by_text("Keep this view").click()
    page.get_by_label("Name of the view").fill("Newest")
    page.get_by_role("button", name="Keep", exact=True).click()
    view = page.locator(".saved-view")
    expect(view).to_contain_text("Newest 1")
    page.mouse.move(0, 0)

    waiting(alma)
    page.evaluate("htmx.trigger('#worklist-counts', 'retry')")

    expect(view).to_contain_text("Newest 2")


def test_filters_stand_in_the_address(alma, browse_as):
    waiting(alma)
    urgent = waiting(alma, requested_urgency=Urgency.URGENT)
    page = browse_as(alma.doctor)
    page.goto(reverse("worklist"))

    page.get_by_label("Urgency").select_option("1")

    expect(page).to_have_url(re.compile(r"\?tab=waiting&urgency=1&sort=urgency$"))
    expect(page.locator(".worklist tbody tr")).to_have_count(1)
    expect(page.locator(".worklist tbody tr")).to_contain_text(urgent.reference)


def test_on_a_phone_the_filters_are_unfolded_and_what_narrows_stays_in_view(alma, browse_as):
    waiting(alma)
    page = browse_as(alma.doctor)
    page.set_viewport_size(PHONE)
    page.goto(reverse("worklist"))
    expect(page.get_by_label("Urgency")).to_be_hidden()
    expect(page.get_by_label("Order")).to_be_visible()

    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_label("Urgency").select_option("3")

    expect(page).to_have_url(re.compile(r"urgency=3"))
    expect(page.get_by_label("Urgency")).to_be_visible()
    is_sound(page)


def test_without_a_script_a_case_can_be_read(alma, browse_as, browser, base_url, complaints):
    case = waiting(alma)
    state = browse_as(alma.doctor).context.storage_state()
    with browser.new_context(java_script_enabled=False, base_url=base_url, storage_state=state) as context:
        page = opened(context.new_page(), case)
        page.get_by_role("link", name="Agree: Melanocytic nevus").click()
        page.get_by_label("Certain", exact=True).check(force=True)
        page.get_by_label("Follow-up").check(force=True)
        page.get_by_role("button", name="Sign", exact=True).click()
        expect(page.locator("#history").get_by_text(alma.doctor.name)).to_be_visible()
    case.refresh_from_db()
    assert case.state == CaseState.SIGNED
    assert Read.objects.get().agrees_with_ai is True


@pytest.mark.parametrize(("size", "theme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
def test_a_flagged_case_and_one_without_an_opinion_look_right(alma, browse_as, size, theme):
    flagged = waiting(alma, photos=2, opinion=URGENT, bled="yes", note="Bleeds when dried.")
    page = browse_as(alma.doctor)
    page.emulate_media(color_scheme=theme)
    for case in (flagged, waiting(alma, opinion=QUEUED)):
        page.goto(reverse("case_detail", args=[case.id]))
        is_sound(page, size)


def test_on_a_phone_no_condition_at_the_number_keys_is_broken_within_a_word(alma, browse_as):
    conditions.load_vocabulary()
    page = browse_as(alma.doctor)
    page.set_viewport_size(PHONE)
    opened(page, waiting(alma))
    broken = page.evaluate(
        """() => [...document.querySelectorAll(".quick-pick span")].flatMap((name) => {
          const text = name.firstChild;
          return [...text.data.matchAll(/[^ ]+/g)].filter((word) => {
            const range = document.createRange();
            range.setStart(text, word.index);
            range.setEnd(text, word.index + word[0].length);
            return range.getClientRects().length > 1;
          }).map((word) => word[0]);
        })"""
    )
    assert page.locator(".quick-pick").count() == 9
    assert broken == []
