"""The pages that doctors, staff and integrations open most, at 10,000 and at 1,000,000 cases on PostgreSQL.

Nine cases in ten belong to the one clinic that is measured. Each database has a process of its own
(benchmarks/worklist_pages.py), and rounds alternate between both. A page is asked of the application itself, middleware
and templates included; what is left out, a socket and a gunicorn thread, costs the same at any size.
"""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.measuring import figure, p95, verdict
from benchmarks.options import Options
from benchmarks.service import database, prepare

SIZES = (10_000, 1_000_000)
MOST_QUERIES = 11
MOST_RATIO = 2


def run(options: Options) -> dict[str, Any]:
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        sys.exit("This measures PostgreSQL: set DATABASE_URL, for example postgres://postgres@127.0.0.1:5432/postgres.")
    sizes = (200, 400) if options.quick else SIZES
    rounds, calls = (1, 2) if options.quick else (12, 5)
    with ExitStack() as stack:
        pages = [stack.enter_context(Pages(size, stack.enter_context(database(f"_{size}")), options)) for size in sizes]
        times: list[dict[str, list[float]]] = [{}, {}]
        queries: list[dict[str, int]] = [{}, {}]
        for count in range(rounds + 1):
            options.say(f"round {count} of {rounds}")
            for place, each in enumerate(pages):
                for name, measured in each.round(calls).items():
                    # The first round warms caches and is left out.
                    if count:
                        times[place].setdefault(name, []).extend(measured["ms"])
                    queries[place][name] = max(queries[place].get(name, 0), measured["queries"])
    few, many = times
    figures = []
    for name in few:
        for size, found in zip(sizes, times, strict=True):
            figures.append(figure(f"{name}, {size:,} cases, p95", found[name], "ms", p95))
    verdicts = [_growth(name, few[name], many[name], sizes) for name in few]
    unequal = [name for name in few if queries[0][name] != queries[1][name]]
    verdicts += [
        verdict("the page with the most queries", [max(queries[1].values())], at_most=MOST_QUERIES, unit="queries"),
        verdict("pages with more queries at the larger size", [len(unequal)], at_most=0, unit="pages"),
    ]
    return {
        "figures": figures,
        "verdicts": verdicts,
        "sizes": sizes,
        "queries": queries[1],
        "load_seconds": [each.load_seconds for each in pages],
        "ms": {name: [few[name], many[name]] for name in few},
    }


def _growth(name: str, few: list[float], many: list[float], sizes: tuple[int, ...]) -> dict[str, Any]:
    """The ratio of both p95, with the interval of the larger one over the smaller one's value."""
    base = figure(name, few, "ms", p95)["value"]
    ratios = [each / base for each in many]
    return verdict(f"{name}: p95 at {sizes[1]:,} / at {sizes[0]:,}", ratios, at_most=MOST_RATIO, statistic=p95)


class Pages:
    """A database of one size, and a process that asks for its pages."""

    def __init__(self, size: int, url: str, options: Options) -> None:
        self.size, self.say = size, options.say
        self.environment = os.environ | {"DATABASE_URL": url, "NO_BOOTSTRAP": "1", "LOG_LEVEL": "ERROR"}
        self.load_seconds = 0.0

    def __enter__(self) -> "Pages":
        prepare(self.environment)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worklist_pages", str(self.size)],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.say(f"loading {self.size:,} cases")
        self.load_seconds = float(self._answer()["load_seconds"])
        return self

    def round(self, calls: int) -> dict[str, Any]:
        """Page to {"ms": a time a call, "queries": the most of any call}."""
        assert self.process.stdin
        self.process.stdin.write(f"{calls}\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            sys.exit("The pages could not be measured: the lines above say why.")
        return json.loads(line)

    def __exit__(self, *error: object) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(60)
