"""One prediction with maps, answers and embedding: our engine, keras.predict(), and the bare ONNX Runtime session.

All three use the shipped bundle. Our engine is given what a worker gives it, the upright copy of a photo as intake
keeps it, decoded; the other two are given the finished input. The bare session has the engine's own options and
outputs, so that what lies between both is our own work: scaling, encoding the answers, thresholds, answer set.
Keras is as it comes, in a process of its own, and may use every core.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from django.conf import settings

from benchmarks.machine import ROOT
from benchmarks.measuring import figure, ratios, verdict
from benchmarks.options import Options
from cases.pixels import drawing
from cases.pixels.picture import UPRIGHT_SIDE
from inference.answers import Answers
from inference.bundle import KERAS_FILE, Bundle
from inference.engine import Engine
from inference.preprocessing import prepare

ANSWERS = Answers(age=63, site="nose", itch=True, grew=True, hurt=False, bled=True)


def run(options: Options) -> dict[str, Any]:
    rounds, calls, keras_calls = (3, 3, 2) if options.quick else (40, 12, 6)
    bundle = Bundle.load(settings.SHIPPED_BUNDLE)
    engine = Engine(bundle)
    photo = drawing.draw("MEL", seed=7, width=UPRIGHT_SIDE * 4 // 3, height=UPRIGHT_SIDE)
    inputs = {"image": prepare(photo, bundle.size)[None], "answers": bundle.encoding.encode(ANSWERS)[None]}
    outputs = engine.outputs

    def ours() -> None:
        engine.classify(photo, ANSWERS)

    def bare() -> None:
        engine.session.run(outputs, inputs)

    def scaling() -> None:
        prepare(photo, bundle.size)

    timed: dict[str, list[float]] = {"ours": [], "bare": [], "keras": [], "scaling": []}
    with TemporaryDirectory() as folder, Keras(bundle.path / KERAS_FILE, inputs, Path(folder)) as keras:
        for each in (ours, bare, scaling):
            _median_ms(each, calls)
        keras.median_ms(keras_calls)
        options.say(f"{bundle.name}: {rounds} rounds")
        for _ in range(rounds):
            timed["ours"].append(_median_ms(ours, calls))
            timed["bare"].append(_median_ms(bare, calls))
            timed["keras"].append(keras.median_ms(keras_calls))
            timed["scaling"].append(_median_ms(scaling, calls))
    return {
        "model": {"name": bundle.name, "size": bundle.size},
        "figures": [
            figure("our engine, one thread", timed["ours"], "ms"),
            figure("  of it: scaling the upright copy to the network's size", timed["scaling"], "ms"),
            figure("bare ONNX Runtime session, one thread, input prepared", timed["bare"], "ms"),
            figure("keras.predict(), input prepared, all cores", timed["keras"], "ms"),
        ],
        "verdicts": [
            verdict("keras.predict() / our engine", ratios(timed["keras"], timed["ours"]), at_least=10),
            verdict("our engine / bare session", ratios(timed["ours"], timed["bare"]), at_most=1.15),
        ],
        "rounds_ms": timed,
    }


def _median_ms(call: Callable[[], None], times: int) -> float:
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        spent.append(time.perf_counter() - began)
    return 1000 * float(np.median(spent))


class Keras:
    """`keras.predict()` in a process of its own, which says how long each call took."""

    def __init__(self, model: Path, inputs: dict[str, np.ndarray], folder: Path) -> None:
        np.savez(folder / "inputs.npz", image=inputs["image"], answers=inputs["answers"])
        self.command = [sys.executable, "-m", "benchmarks.keras_predict", str(model), str(folder / "inputs.npz")]

    def __enter__(self) -> "Keras":
        self.process = subprocess.Popen(
            self.command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return self

    def median_ms(self, times: int) -> float:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{times}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("Keras does not start: install requirements-train.txt (`python3 manage.py train --help` does).")
        return float(np.median(json.loads(answer)))

    def __exit__(self, *error: object) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(30)
