"""The whole service against an app of the simplest kind: completed opinions a second, four clients, two sizes of photo.

Ours takes each photo through its API: token, checks, intake, files flushed to disk, rows, queue, worker, stored result.
The other (benchmarks/student_app.py) answers from `model.predict` and keeps nothing. Rounds alternate, so that both see
the same machine; a round of ours ends when its last result is stored, not when its last photo is taken.
"""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from benchmarks import photos
from benchmarks.client import Client, form
from benchmarks.machine import ROOT
from benchmarks.measuring import figure, ratios, verdict
from benchmarks.options import Options
from benchmarks.service import START_SECONDS, Service, free_port, running

CLIENTS = 4
# Name, photo, photos a round, how many times as many opinions a second ours has to complete.
SIZES = (("76 KB", photos.SMALL, 80, 4), ("12 megapixels", photos.LARGE, 40, 3))
Work = Callable[[Client], object]


def run(options: Options) -> dict[str, Any]:
    with running() as service, student_app() as other:
        service.connect()
        return measure(service, other, options)


def measure(service: Service, other: str, options: Options) -> dict[str, Any]:
    # Django's models can be imported once the process is connected.
    from benchmarks.clinic import drafts, open_desk
    from benchmarks.results import stored

    rounds = 1 if options.quick else 3
    desk = open_desk("Peer")
    token = desk.token()
    speeds: dict[str, tuple[list[float], list[float]]] = {}
    for name, size, number, _least in SIZES:
        number = CLIENTS if options.quick else number
        drawn = photos.several(size, CLIENTS)
        ours, theirs = speeds[name] = [], []
        # The first round warms both up and is left out.
        for count in range(rounds + 1):
            cases = drafts(desk, number)
            shots = [photos.unlike(drawn[place % CLIENTS], count * number + place) for place in range(number)]
            began = time.time()
            _send(
                service.url,
                token,
                [partial(Client.post_photo, case_id=c, photo=s) for c, s in zip(cases, shots, strict=True)],
            )
            taken = time.time() - began
            ours.append(number / (stored(cases)[-1] - began))
            bodies = [form(shot) for shot in shots]
            began = time.time()
            _send(other, "", [partial(Client.post, path="/predict", body=body) for body in bodies])
            theirs.append(number / (time.time() - began))
            options.say(
                f"{name}, round {count}: {ours[-1]:.1f} (taken {number / taken:.1f}) and {theirs[-1]:.1f} a second"
            )
        del ours[0], theirs[0]
    figures = []
    for name, (ours, theirs) in speeds.items():
        figures.append(figure(f"{name}: ours, opinions stored", ours, "a second"))
        figures.append(figure(f"{name}: student app, opinions answered", theirs, "a second"))
    return {
        "figures": figures,
        "verdicts": [
            verdict(f"opinions a second at {name}: ours / student app", ratios(*speeds[name]), at_least=least)
            for name, _size, _number, least in SIZES
        ],
        "clients": CLIENTS,
        "rounds_a_second": {name: {"ours": ours, "other": theirs} for name, (ours, theirs) in speeds.items()},
    }


def _send(url: str, token: str, work: Sequence[Work]) -> None:
    """Four clients, each with a connection of its own and a fourth of `work`."""

    def client(share: Sequence[Work]) -> None:
        with Client(url, token) as connection:
            for each in share:
                each(connection)

    with ThreadPoolExecutor(CLIENTS) as clients:
        # list: an error of a client is raised here.
        list(clients.map(client, [work[place::CLIENTS] for place in range(CLIENTS)]))


@contextmanager
def student_app() -> Iterator[str]:
    """The other app, running; its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.student_app", str(port)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + START_SECONDS
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > until:
                sys.exit("The student app does not start: install requirements-dev.txt (`manage.py test` does).")
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False
