"""Takes the README's pictures from the running demo: `python -m tests.story.pictures docs/pictures`."""

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests import chromium
from tests.story.stack import PASSWORD, Stack, running


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with running() as stack, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.path(), args=chromium.ARGUMENTS)
        take(browser, stack, folder)
        browser.close()


def take(browser: Browser, stack: Stack, folder: Path) -> None:
    page = _enter(browser, stack, "doctor", 1440, 900)
    page.goto("/worklist/")
    page.locator(".worklist img.thumb").last.scroll_into_view_if_needed()
    _keep(page, folder / "worklist.webp")
    page.locator("a.row-link").first.click()
    page.locator("#opinion[data-state=hidden]").wait_for()
    page.wait_for_load_state()
    # The doctor's own opinion comes first, then the AI shows its own.
    for key in ("4", "w", "b", "s"):
        page.keyboard.press(key)
    page.locator("#opinion[data-state=done]").scroll_into_view_if_needed()
    page.locator(".heat-control").click()
    page.locator(".stage-heat").wait_for()
    page.wait_for_load_state("networkidle")
    page.locator(".reading-scroll").evaluate(
        "each => each.scrollTo(0, document.getElementById('opinion').offsetTop - 8)"
    )
    _keep(page, folder / "case.webp")
    page = _enter(browser, stack, "staff", 390, 844)
    page.goto("/worklist/")
    page.locator("a.row-link").first.click()
    page.locator("#opinion[data-state=done]").wait_for()
    page.wait_for_load_state()
    _keep(page, folder / "case-phone.webp")


def _keep(page: Page, path: Path) -> None:
    """As WebP, which takes a fifth of a PNG's bytes."""
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, quality=88, method=6)


def _enter(browser: Browser, stack: Stack, person: str, width: int, height: int) -> Page:
    context = browser.new_context(base_url=stack.url, viewport={"width": width, "height": height}, locale="en-GB")
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Email").fill(f"{person}@demo.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/accounts/" not in url)
    return page


if __name__ == "__main__":
    main(Path(sys.argv[1]))
