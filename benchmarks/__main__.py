"""`python -m benchmarks NAME [--json FILE]`: run one measurement, print it as a table, and say whether it reaches."""

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import NAMES, WHENEVER, machine, report
from benchmarks.options import Options


def main(arguments: Sequence[str]) -> int:
    """0 when everything that was measured reaches, 1 when something does not, 2 when nothing could be measured."""
    options = _parsed(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "skinclinic.settings")
    if options.name == "list":
        for name in NAMES:
            print(f"{name:<10} {_first_line(name)}")
        return 0
    if options.name == "table":
        return report.write_document(check=options.check)
    before = machine.load()
    if before.is_busy and not options.busy and options.name not in WHENEVER:
        sys.stderr.write(f"{before.sentence} Wait until it is idle, or add --busy to measure all the same.\n")
        return 2
    began = time.monotonic()
    measured = importlib.import_module(f"benchmarks.{options.name}").run(
        Options(quick=options.quick, say=lambda text: print(text, file=sys.stderr, flush=True))
    )
    result = {
        "benchmark": options.name,
        "quick": options.quick,
        **measured,
        "seconds": round(time.monotonic() - began, 1),
        "machine": machine.facts(before),
    }
    print(report.table(result))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0 if all(verdict["met"] for verdict in result["verdicts"]) else 1


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=["list", "table", *NAMES], metavar="NAME", help=", ".join(["list", *NAMES]))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured to FILE")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it works; figures mean nothing")
    parser.add_argument("--busy", action="store_true", help="measure although other programs use the processor")
    parser.add_argument("--check", action="store_true", help="of `table`: write nothing, fail if it is out of date")
    return parser.parse_args(arguments)


def _first_line(name: str) -> str:
    return (importlib.import_module(f"benchmarks.{name}").__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
