"""How long a doctor waits for the next photo: key press to its first paint in Chromium, at 100,000 cases.

Half of the cases are left by "next", half are signed with "sign and next". The press and the paint are timed by the
browser's own clock (event and element timing). Every photo has its own address; the bytes behind them are the same.
"""

import io
import os
import statistics
import sys
from typing import TYPE_CHECKING, Any

from PIL import Image

from benchmarks import photos
from benchmarks.latency import browser
from benchmarks.measuring import figure, p95, verdict
from benchmarks.options import Options
from benchmarks.service import Service, running

if TYPE_CHECKING:
    from playwright.sync_api import Page

CASES = 100_000
REACH_MS = 300
# So long at least a reader looks at a case before they go on; meanwhile the next one is fetched.
LOOKS_MS = 1500
# What is to be known of a page: when the key was pressed that led to it, when its photo was painted, what moved.
_WATCH = """
const clock = (moment) => performance.timeOrigin + moment;
addEventListener("keydown", (event) => sessionStorage.setItem("pressed", clock(event.timeStamp)), true);
window.seen = { pressed: Number(sessionStorage.getItem("pressed")), painted: 0, shift: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.identifier === "photo" && !window.seen.painted) window.seen.painted = clock(entry.renderTime);
  }
}).observe({ type: "element", buffered: true });
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.seen.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
# A photo that was fetched ahead comes from the browser's cache.
_TELL = """() => {
  const photo = performance.getEntriesByName(document.querySelector("[data-stage-photo]").src)[0];
  return { ...window.seen, address: location.pathname,
           ahead: Boolean(document.querySelector("[data-arrival-url]")),
           kept: Boolean(photo) && photo.transferSize === 0 };
}"""
# Rejects after ten seconds, so that a photo that is never painted ends the run instead of holding it.
_UNTIL_PAINTED = """() => new Promise((painted, failed) => {
  const since = performance.now();
  const look = () => {
    if (window.seen.painted > 0) painted();
    else if (performance.now() - since > 10000) failed(new Error("no photo was painted within 10 s"));
    else setTimeout(look, 50);
  };
  look();
})"""


def run(options: Options) -> dict[str, Any]:
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        sys.exit("This measures PostgreSQL: set DATABASE_URL, for example postgres://postgres@127.0.0.1:5432/postgres.")
    with running(workers=0, beat=False) as service:
        service.connect()
        return measure(service, options)


def measure(service: Service, options: Options) -> dict[str, Any]:
    # Django's models can be imported once the process is connected.
    from benchmarks import million
    from cases.models import LesionImage

    number, rounds = (1000, 4) if options.quick else (CASES, 40)
    options.say(f"loading {number:,} cases")
    desk = million.load(number)
    # One key signs: where the first opinion is committed before the AI is shown, another page lies between.
    desk.clinic.read_first = False
    desk.clinic.save()
    _write_files(service, LesionImage.objects.order_by("id").first())
    options.say("in the browser")
    with browser(service, desk.doctor) as page:
        page.add_init_script(_WATCH)
        page.goto(f"{service.url}/worklist/next/")
        # The first two warm caches up and are left out.
        seen = [_next(page, signs=count % 2 == 1) for count in range(rounds + 2)][2:]
    waits = [each["painted"] - each["pressed"] for each in seen]
    left, signed = waits[::2], waits[1::2]
    return {
        "figures": [
            figure("key press to the photo's first paint", waits, "ms"),
            figure("  p95", waits, "ms", p95),
            figure('  by "next"', left, "ms"),
            figure('  by "sign and next", which waits for the signature', signed, "ms"),
        ],
        "verdicts": [
            verdict("key press to the photo's first paint", waits, at_most=REACH_MS, unit="ms"),
            verdict("pages that had been fetched ahead", [statistics.mean(e["ahead"] for e in seen)], at_least=0.9),
            verdict("photos that had been fetched ahead", [statistics.mean(e["kept"] for e in seen)], at_least=0.9),
            verdict("layout shift", [max(each["shift"] for each in seen)], at_most=0.01, unit=""),
        ],
        "seen": seen,
    }


def _next(page: "Page", *, signs: bool) -> dict[str, Any]:
    """Goes on to the next case as a reader who has looked at this one, and says how long its photo took."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(LOOKS_MS)
    before = page.evaluate("location.pathname")
    if signs:
        for key in "1qf":
            page.keyboard.press(key)
        page.wait_for_load_state("networkidle")  # what was chosen is saved
        page.keyboard.press("s")
    else:
        page.keyboard.press("n")
    page.wait_for_url(lambda address: "/cases/" in address and before not in address.partition("?")[0])
    page.wait_for_load_state("domcontentloaded")
    # Not by `wait_for_function`, which the page's content policy forbids: it evaluates text in the page.
    page.evaluate(_UNTIL_PAINTED)
    seen = page.evaluate(_TELL)
    if not _shows_a_photo(page):
        raise RuntimeError(f"{seen['address']} says that it has painted a photo, and none is on the screen")
    return seen


def _shows_a_photo(page: "Page") -> bool:
    """Whether the middle of the stage is not the grey that lies behind every photo."""
    picture = Image.open(io.BytesIO(page.locator("[data-stage-main]").screenshot())).convert("RGB")
    red, green, blue = picture.resize((9, 9)).getpixel((4, 4))  # type: ignore[misc]
    return red > blue + 10 and red + green + blue > 200


def _write_files(service: Service, image: Any) -> None:
    """The files that every photo of benchmarks/million.py names, as intake would have written them."""
    original = photos.drawn(*photos.SMALL)
    folder = service.var / "media"
    for name, side in ((image.original.name, 0), (image.derivative.name, 512), (image.thumbnail.name, 160)):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(original)
        if side:
            with Image.open(file) as picture:
                picture.thumbnail((side * 2, side))
                picture.save(file, quality=85)
