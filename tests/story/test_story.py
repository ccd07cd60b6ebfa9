"""The main job in a real browser on the real product: staff log, the AI gives its opinion, a doctor reads."""

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.cast import photo
from tests.story.stack import PASSWORD, Stack

SCREENS = {"desk": (1440, 900), "phone": (390, 844)}
BORN = {"desk": "1958-05-17", "phone": "1949-11-30"}
# The first opinion on a busy two-core machine; on an idle one it is there within a second.
OPINION_MS = 30_000


# What a phone shows does not depend on the database.
@pytest.fixture(params=["desk", pytest.param("phone", marks=pytest.mark.one_pair)])
def screen(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def enter(browser: Browser, stack: Stack, screen: str) -> Iterator[Callable[[str], Page]]:
    """enter("doctor") -> a page on which that demo person has signed in; the browser may complain of nothing."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # A refused photo is an ordinary answer with a 4xx status, which Chromium notes in these words.
        if message.type == "error" and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    def sign_in(person: str) -> Page:
        width, height = SCREENS[screen]
        context = browser.new_context(
            base_url=stack.url,
            viewport={"width": width, "height": height},
            locale="en-GB",
            timezone_id="Europe/Vienna",
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.on("console", listen)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        page = context.new_page()
        page.goto("/")
        page.get_by_label("Email").fill(f"{person}@demo.example")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/accounts/" not in url)
        return page

    yield sign_in
    for context in contexts:
        context.close()
    assert complaints == []


def call_api(stack: Stack, token: str, path: str) -> Any:
    request = urllib.request.Request(f"{stack.url}/api/v1/{path}", headers={"Authorization": f"Token {token}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def next_step(page: Page, screen: str) -> None:
    if screen == "phone":
        page.get_by_role("button", name="Next", exact=True).click()


def test_from_a_new_patient_to_a_signed_read(enter, stack: Stack, screen: str) -> None:
    family_name = f"Story{screen.title()}"

    # --- Staff: search, register, log, photos ---------------------------------------------------------
    page = enter("staff")
    page.goto("/cases/new/")
    page.locator("main").get_by_role("searchbox").fill(family_name)
    page.get_by_role("link", name=re.compile("^Register")).first.click()
    page.get_by_label("MRN").fill(f"story-{screen}")
    page.get_by_label("Family name").fill(family_name)
    page.get_by_label("Given name").fill("Ada")
    # Another day on each screen: the same given name and birth date would rightly ask "is it one of these?".
    page.get_by_label("Birth date").fill(BORN[screen])
    page.get_by_role("radio", name="Female").check()
    for question in page.get_by_role("group").filter(has_text=re.compile("AI give|learn|train", re.IGNORECASE)).all():
        question.get_by_text("Granted").click()
    page.get_by_role("button", name=re.compile("^Register")).click()

    # On a phone the page opens at the second step: the patient is chosen.
    page.wait_for_url(re.compile("/cases/new/"))
    page.locator("input[name=body_site][value=forearm]").check(force=True)
    page.locator("input[name=side][value=left]").check(force=True)
    for answer in ("id_bled_0", "id_grew_0"):
        page.locator(f"label[for={answer}]").click()
    next_step(page, screen)
    page.locator("[data-uploader-files]").first.set_input_files(
        [
            {"name": "lesion.jpg", "mimeType": "image/jpeg", "buffer": photo("MEL", seed=len(screen))},
            {"name": "letter.jpg", "mimeType": "image/jpeg", "buffer": b"Dear colleague, this is no picture."},
        ]
    )
    rows = page.locator(".upload-row")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_have_attribute("data-photo", re.compile(".+"), timeout=OPINION_MS)
    expect(rows.nth(1)).to_contain_text("letter.jpg")
    expect(rows.nth(1)).to_contain_text(re.compile("not a picture", re.IGNORECASE), timeout=OPINION_MS)
    rows.nth(1).get_by_role("button", name="Remove photo").click()
    page.get_by_role("button", name="Send to the doctor").click()
    page.wait_for_url(re.compile(r"/cases/[0-9a-f-]{36}/"), timeout=OPINION_MS)
    case_path = re.search(r"/cases/[0-9a-f-]{36}/", page.url).group()

    # --- The opinion appears by itself ----------------------------------------------------------------
    opinion = page.locator("#opinion")
    expect(opinion).to_have_attribute("data-state", "done", timeout=OPINION_MS)
    expect(opinion).to_contain_text("Supports a decision. Not a diagnosis.")
    expect(opinion).to_contain_text("Model lite2-pad")
    expect(opinion.locator(".ai-rank li").first).to_be_visible()
    expect(page.get_by_role("button", name="Sign and next")).to_have_count(0)

    # --- Doctor: worklist, heat map, relabel, sign ----------------------------------------------------
    page = enter("doctor")
    page.goto("/worklist/")
    page.get_by_role("link", name=re.compile(family_name)).click()
    page.wait_for_url(f"**{case_path}*")
    # The AI stays hidden until the doctor has committed a first opinion.
    expect(page.locator("#opinion")).to_contain_text("Hidden until your first opinion")
    condition = page.get_by_role("combobox", name="Condition")
    condition.fill("psor")
    page.get_by_role("option", name=re.compile("Psoriasis")).first.click()
    page.get_by_role("radio", name="Probable").check()
    page.get_by_role("radio", name="Follow-up").check()
    page.get_by_role("button", name="Commit and see the AI").click()
    expect(page.get_by_text(re.compile("Your first opinion"))).to_be_visible()
    page.locator(".heat-control").click()
    heat_map = page.locator("[data-stage-heat]")
    expect(heat_map).to_be_visible(timeout=OPINION_MS)
    assert heat_map.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    page.get_by_role("textbox", name="Comment").fill("Scaly, sharply bordered.")
    page.wait_for_timeout(500)  # what is signed straight after the AI is shown is taken for a slip
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.locator("#history")).to_contain_text("Psoriasis, probable. Follow-up.")

    # --- A correction is a new read, and both show ----------------------------------------------------
    page.goto(case_path)
    page.get_by_role("heading", name="Sign a correction").click()
    condition = page.get_by_role("combobox", name="Condition")
    condition.fill("C44.92")
    page.get_by_role("option", name=re.compile("Squamous")).first.click()
    page.get_by_role("radio", name="Certain").check()
    page.get_by_role("radio", name="Biopsy").check()
    page.get_by_role("button", name="Sign the correction").click()
    expect(page.locator("#history")).to_contain_text("Squamous cell carcinoma, certain. Biopsy.")
    expect(page.locator("#history")).to_contain_text("Psoriasis, probable. Follow-up.")
    expect(page.locator("#history")).to_contain_text("corrects the read of")

    # --- The same in the admin pages and through the API ----------------------------------------------
    page = enter("lead")
    page.goto("/admin/")
    expect(page.get_by_text("Cases waiting")).to_be_visible()
    page.goto("/admin/cases/read/")
    expect(page.locator("#result_list")).to_contain_text("Psoriasis")
    token = stack.manage(
        "shell",
        "-v0",
        "-c",
        "from accounts.models import *; "
        "print(ApiToken.objects.create(User.objects.get(email='lead@demo.example'), name='story')[1])",
    ).split()[-1]
    case_id = case_path.strip("/").split("/")[-1]
    assert call_api(stack, token, f"cases/{case_id}/")["state"] == "signed"
    reads = call_api(stack, token, f"reads/?case={case_id}")["results"]
    assert {read["condition"] for read in reads} == {"PSO", "SCC"}
    predictions = call_api(stack, token, f"predictions/?case={case_id}")["results"]
    assert [prediction["state"] for prediction in predictions] == ["done"]

    # --- And what was typed stands in no log ----------------------------------------------------------
    for part in ("web", "worker", "beat"):
        log = stack.log(part)
        for word in (family_name, "Novak", BORN[screen], f"story-{screen}", "demo.example"):
            assert word.lower() not in log.lower(), f"{part}.log holds {word!r}"
