"""How long one person waits for one opinion on an idle service: 12-megapixel JPEG to stored result, and to the page.

The floor is what no service can leave out, measured in the same rounds in one thread of its own: one scaled decode of
the photo and one forward pass of the network. The page is the real one in a real browser: from the moment a photo is
chosen on the case's page until its AI card shows the opinion, through the page's own scripts and requests.
"""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from PIL import Image

from benchmarks import photos
from benchmarks.client import Client
from benchmarks.measuring import figure, p95, ratios, verdict
from benchmarks.options import Options
from benchmarks.service import Service, running

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE_SECONDS = 30
# Notes when a photo is chosen and when the card shows an opinion, in milliseconds of the page's clock.
_WATCH = """() => {
  window.chosenAt = window.shownAt = null;
  document.addEventListener("change", () => { window.chosenAt = performance.now(); }, {capture: true, once: true});
  new MutationObserver(() => {
    const card = document.querySelector("#opinion");
    if (window.chosenAt && !window.shownAt && card && card.dataset.state === "done") window.shownAt = performance.now();
  }).observe(document.body, {subtree: true, childList: true, attributes: true, attributeFilter: ["data-state"]});
}"""


def run(options: Options) -> dict[str, Any]:
    with running() as service:
        service.connect()
        return measure(service, options)


def measure(service: Service, options: Options) -> dict[str, Any]:
    # Django's models can be imported once the process is connected.
    from benchmarks.clinic import drafts, open_desk
    from benchmarks.results import stored

    rounds, pages = (2, 1) if options.quick else (40, 40)
    desk = open_desk("Latency")
    drawn = photos.several(photos.LARGE, 1 if options.quick else 4)
    floors: list[float] = []
    taken: list[float] = []
    waits: list[float] = []
    floor = _floor()
    with Client(service.url, desk.token()) as client:
        # The first rounds warm up and are left out.
        for count, case in enumerate(drafts(desk, rounds + 2)):
            shot = photos.unlike(drawn[count % len(drawn)], count)
            floors.append(1000 * floor(shot))
            began = time.time()
            client.post_photo(case, shot)
            taken.append(1000 * (time.time() - began))
            waits.append(1000 * (stored([case], look_again=0.02)[-1] - began))
            time.sleep(0 if options.quick else 0.2)
    floors, taken, waits = floors[2:], taken[2:], waits[2:]
    options.say("in the browser")
    shown = _in_browser(service, desk.staff, drafts(desk, pages + 1), drawn, service.var)[1:]
    return {
        "figures": [
            figure("floor: one scaled decode and one forward pass", floors, "ms"),
            figure("request start to the API's answer", taken, "ms"),
            figure("request start to stored result", waits, "ms"),
            figure("  p95", waits, "ms", p95),
            figure("photo chosen to opinion on the page", shown, "ms"),
            figure("  p95", shown, "ms", p95),
        ],
        "verdicts": [
            verdict("request start to stored result / floor", ratios(waits, floors), at_most=3),
            verdict("photo chosen to opinion on the page, p95", shown, at_most=1000, unit="ms", statistic=p95),
        ],
        "rounds_ms": {"floor": floors, "taken": taken, "stored": waits, "page": shown},
    }


def _floor() -> Callable[[bytes], float]:
    """A function that decodes a photo, asks the network, and says how many seconds that took."""
    from django.conf import settings

    from cases.pixels.picture import UPRIGHT_SIDE
    from inference.answers import UNANSWERED
    from inference.bundle import Bundle
    from inference.engine import Engine
    from inference.preprocessing import prepare

    bundle = Bundle.load(settings.SHIPPED_BUNDLE)
    engine = Engine(bundle)
    answers = bundle.encoding.encode(UNANSWERED)[None]

    def floor(data: bytes) -> float:
        began = time.perf_counter()
        picture = Image.open(io.BytesIO(data))
        picture.draft(None, (UPRIGHT_SIDE, UPRIGHT_SIDE))
        picture.load()
        decoded = time.perf_counter()
        # Scaling is our own work and not counted.
        pixels = prepare(picture, bundle.size)[None]
        scaled = time.perf_counter()
        engine.session.run(engine.outputs, {"image": pixels, "answers": answers})
        return time.perf_counter() - scaled + decoded - began

    return floor


def _in_browser(service: Service, person: Any, cases: list[UUID], drawn: list[bytes], folder: Path) -> list[float]:
    """For each case, the milliseconds from choosing a photo on its page to the opinion on it."""
    shown = []
    with browser(service, person) as page:
        for count, case in enumerate(cases):
            file = folder / "photo.jpg"
            file.write_bytes(photos.unlike(drawn[count % len(drawn)], 10_000 + count))
            page.goto(f"{service.url}/cases/{case}/")
            page.evaluate(_WATCH)
            page.locator("[data-uploader-files]").first.set_input_files(file)
            page.locator('#opinion[data-state="done"]').wait_for(timeout=1000 * PAGE_SECONDS)
            shown.append(float(page.evaluate("window.shownAt - window.chosenAt")))
    return shown


@contextmanager
def browser(service: Service, person: Any) -> Iterator["Page"]:
    """A page in Chromium on which `person` is signed in."""
    from django.conf import settings
    from playwright.sync_api import sync_playwright

    from tests import chromium, sessions

    key = sessions.key_for(person)
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium.path(whole=True), args=chromium.ARGUMENTS)
        context = chrome.new_context(viewport={"width": 1440, "height": 900})
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": key, "url": service.url}])
        try:
            yield context.new_page()
        finally:
            chrome.close()
