"""Takes the README's pictures from the running demo: `python -m tests.story.pictures docs/pictures`."""

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests import chromium
from tests.story.stack import PASSWORD, Stack, running


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with running() as stack, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.path(), args=chromium.ARGUMENTS)
        page = _enter(browser, stack, "doctor", 1440, 900)
        page.goto("/worklist/")
        page.screenshot(path=folder / "worklist.png")
        _open_first_case(page)
        page.locator(".heat-control").click()
        page.wait_for_timeout(1000)
        page.screenshot(path=folder / "case.png")
        page = _enter(browser, stack, "staff", 390, 844)
        _open_first_case(page)
        page.screenshot(path=folder / "case-phone.png")
        browser.close()


def _enter(browser: Browser, stack: Stack, person: str, width: int, height: int) -> Page:
    context = browser.new_context(base_url=stack.url, viewport={"width": width, "height": height}, locale="en-GB")
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Email").fill(f"{person}@demo.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/accounts/" not in url)
    return page


def _open_first_case(page: Page) -> None:
    page.goto("/worklist/")
    page.locator("a.row-link").first.click()
    page.locator("#opinion[data-state=done]").wait_for()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
