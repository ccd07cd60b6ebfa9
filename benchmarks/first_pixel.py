"""How long a doctor waits for the next photo: key press to its first paint in Chromium, at 100,000 cases.

Half of the cases are left by "next", half are signed with "sign and next". The press and the paint are timed by the
browser's own clock (event and element timing). Every photo has its own address; the bytes behind them are the same.

The browser is driven through its WebDriver, because under Playwright it makes up no page ahead (tests/webdriver.py).
"""

import io
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from benchmarks import photos
from benchmarks.measuring import figure, p95, verdict
from benchmarks.options import Options
from benchmarks.service import Service, running

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

CASES = 100_000
REACH_MS = 300
# So long at least a reader looks at a case before they go on; meanwhile the next one is fetched.
LOOKS_MS = 1500
MOST_SECONDS = 10  # a photo that is never painted ends the run
# On the page that is left: when the key was pressed.
_WATCH = """
const clock = (moment) => performance.timeOrigin + moment;
addEventListener("keydown", (event) => sessionStorage.setItem("pressed", clock(event.timeStamp)), true);
"""
# On the page that came, once its photo is painted. A page that was made up ahead is older than its activation.
_TELL = """
const tell = arguments[0];
const clock = (moment) => performance.timeOrigin + moment;
let shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
new PerformanceObserver((list) => {
  const painted = list.getEntries().find((entry) => entry.identifier === "photo");
  if (painted) tell({
    address: location.pathname, pressed: Number(sessionStorage.getItem("pressed")), painted: clock(painted.renderTime),
    ahead: performance.getEntriesByType("navigation")[0].activationStart > 0, shift,
  });
}).observe({ type: "element", buffered: true });
"""


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
    from tests import sessions, webdriver

    number, rounds = (1000, 4) if options.quick else (CASES, 40)
    options.say(f"loading {number:,} cases")
    desk = million.load(number)
    # One key signs: where the first opinion is committed before the AI is shown, another page lies between.
    desk.clinic.read_first = False
    desk.clinic.save()
    _write_files(service, LesionImage.objects.order_by("id").first())
    options.say("in the browser")
    with webdriver.browser(session=sessions.key_for(desk.doctor), url=service.url, whole=True) as driver:
        driver.set_script_timeout(MOST_SECONDS)
        driver.get(f"{service.url}/worklist/next/")
        # The first two warm caches up and are left out.
        seen = [_next(driver, signs=count % 2 == 1) for count in range(rounds + 2)][2:]
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
            verdict("pages that had been made up ahead", [statistics.mean(e["ahead"] for e in seen)], at_least=0.9),
            verdict("layout shift", [max(each["shift"] for each in seen)], at_most=0.01, unit=""),
        ],
        "seen": seen,
    }


def _next(driver: "Chrome", *, signs: bool) -> dict[str, Any]:
    """Goes on to the next case as a reader who has looked at this one, and says how long its photo took."""
    from selenium.webdriver.support.wait import WebDriverWait

    from tests.webdriver import press

    time.sleep(LOOKS_MS / 1000)
    before = driver.current_url
    driver.execute_script(_WATCH)
    if signs:
        press(driver, "1qf")
        time.sleep(LOOKS_MS / 1000)  # what was chosen is saved
    press(driver, "s" if signs else "n")
    WebDriverWait(driver, MOST_SECONDS).until(lambda driver: driver.current_url != before)
    seen = driver.execute_async_script(_TELL)
    if not _shows_a_photo(driver):
        raise RuntimeError(f"{seen['address']} says that it has painted a photo, and none is on the screen")
    return seen


def _shows_a_photo(driver: "Chrome") -> bool:
    """Whether the middle of the stage is not the grey that lies behind every photo."""
    stage = driver.find_element("css selector", "[data-stage-main]").screenshot_as_png
    pixels = np.asarray(Image.open(io.BytesIO(stage)).convert("RGB").resize((9, 9)))
    red, green, blue = (int(level) for level in pixels[4, 4])
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
