"""What every page is held to, at a desk and on a phone: nothing sticks out at the side, and axe finds nothing."""

import json
from pathlib import Path

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Page

DESK, TABLET = {"width": 1440, "height": 900}, {"width": 820, "height": 1180}
PHONE = {"width": 390, "height": 844}

_AXE = Path(AXE_FILE_PATH).read_text(encoding="utf-8")
# What another width or theme can change on a page whose rules have all been run once.
LOOKS_ONLY = ("color-contrast", "aria-hidden-focus", "button-name", "link-name", "scrollable-region-focusable")


def violations(page: Page, but: str | None = None, only: tuple[str, ...] = ()) -> list[str]:
    """What axe finds on the page as it stands, without what the selector `but` holds; by all rules or by `only`."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE)
    context = json.dumps({"exclude": [but]} if but else {"include": ["html"]})
    options: dict[str, object] = {"resultTypes": ["violations"], "preload": False, "elementRef": False}
    if only:
        options["runOnly"] = {"type": "rule", "values": only}
    found = page.evaluate(f"axe.run({context}, {json.dumps(options)}).then((all) => all.violations)")
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][-120:]}"
        for each in found
        for node in each["nodes"][:3]
    ]


def fits(page: Page) -> None:
    """Nothing is wider than the window."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def is_sound(page: Page, *sizes: dict[str, int]) -> None:
    """Nothing is wrong with the page in windows of these sizes, else in the one that it has.

    All of axe's rules are run in the first one, and in the others those whose answer can differ there.
    """
    # A link's click returns before the next page has its style sheets, and without them its icons are as wide as it.
    page.wait_for_load_state()
    page.wait_for_function("[...document.querySelectorAll('canvas')].every((canvas) => canvas.style.width)")
    for nth, size in enumerate(sizes or (None,)):
        if size:
            page.set_viewport_size(size)
        fits(page)
        assert violations(page, only=LOOKS_ONLY if nth else ()) == []
