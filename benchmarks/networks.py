"""One opinion of the shipped network beside one of a plain Lite0: what the larger network costs.

Both bundles are in the repository. The engine of each is given the same upright copy of a photo, as a worker gives it,
with scaling to its own size, maps, answers and embedding; the two take turns in one run, on one thread each.
"""

import time
from typing import Any

import numpy as np
from django.conf import settings

from benchmarks.measuring import figure, ratios, verdict
from benchmarks.options import Options
from cases.pixels import drawing
from cases.pixels.picture import UPRIGHT_SIDE
from inference.answers import Answers
from inference.bundle import Bundle
from inference.engine import Engine

ANSWERS = Answers(age=63, site="nose", itch=True, grew=True, hurt=False, bled=True)
PLAIN = "lite0-pad-1"
AT_MOST = 3.0  # times the plain network's time: what a second opinion may cost at most


def run(options: Options) -> dict[str, Any]:
    rounds, calls = (3, 3) if options.quick else (40, 12)
    shipped = Engine(Bundle.load(settings.SHIPPED_BUNDLE))
    plain = Engine(Bundle.load(settings.SHIPPED_BUNDLE.parent / PLAIN))
    photo = drawing.draw("MEL", seed=7, width=UPRIGHT_SIDE * 4 // 3, height=UPRIGHT_SIDE)
    timed: dict[str, list[float]] = {"shipped": [], "plain": []}
    engines = {"shipped": shipped, "plain": plain}

    def median_ms(engine: Engine) -> float:
        spent = []
        for _ in range(calls):
            began = time.perf_counter()
            engine.classify(photo, ANSWERS)
            spent.append(time.perf_counter() - began)
        return 1000 * float(np.median(spent))

    for engine in engines.values():
        median_ms(engine)
    options.say(f"{shipped.bundle.name} and {plain.bundle.name}: {rounds} rounds")
    for _ in range(rounds):
        for name, engine in engines.items():
            timed[name].append(median_ms(engine))
    return {
        "model": {"name": shipped.bundle.name, "size": shipped.bundle.size},
        "figures": [
            figure(f"{engine.bundle.name}, {engine.bundle.size} px, one thread", timed[name], "ms")
            for name, engine in engines.items()
        ],
        "verdicts": [
            verdict(
                f"{shipped.bundle.name} / {plain.bundle.name}",
                ratios(timed["shipped"], timed["plain"]),
                at_most=AT_MOST,
            )
        ],
        "rounds_ms": timed,
    }
