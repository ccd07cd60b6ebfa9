"""Results for people: a table on the terminal, and those of docs/performance.md and README.md from the JSON files."""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import NAMES

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "figures" / "benchmarks"
DOCUMENT, README = ROOT / "docs" / "performance.md", ROOT / "README.md"
BEGIN, END = "<!-- results: written by `python -m benchmarks table` -->", "<!-- end of results -->"


def table(result: dict[str, Any]) -> str:
    """For a terminal."""
    rows = [[each["what"], number(each), _interval(each), each["unit"]] for each in result["figures"]]
    lines = _columns([["", "median or value", "95 % interval", ""], *rows]) if rows else []
    if "rows" in result:
        lines += _columns([result["columns"], *result["rows"]])
    lines += ["", *_columns([_verdict(each) for each in result["verdicts"]])]
    machine = result["machine"]
    lines.append(f"\n{machine['cores']} cores {machine['processor']}, {machine['services']}, {result['seconds']} s")
    if result["quick"]:
        lines.append("Quick: tiny sizes, to see that it works; the figures mean nothing.")
    elif machine["busy_share_before"] and machine["busy_share_before"] > 0.1:
        lines.append(f"Other programs used {machine['busy_share_before']:.0%} of the processor: do not quote this.")
    return "\n".join(lines)


def _verdict(each: dict[str, Any]) -> list[str]:
    return ["REACHED" if each["met"] else "MISSED", each["what"], f"{number(each)} {each['unit']}", reach(each)]


def reach(each: dict[str, Any]) -> str:
    way = "at least" if each["at_least"] is not None else "at most"
    limit = each["at_least"] if each["at_least"] is not None else each["at_most"]
    return f"{way} {limit:g} {each['unit']}"


def number(each: dict[str, Any]) -> str:
    return _short(each["value"])


def _interval(each: dict[str, Any]) -> str:
    return "" if each["low"] is None else f"{_short(each['low'])} to {_short(each['high'])}"


def _short(value: float) -> str:
    """Three digits that mean something."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _columns(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


# --- docs/performance.md and README.md --------------------------------------------------------------------


def write_document(*, check: bool = False) -> int:
    """Puts the results into the pages, or only says whether they are those of the files; the exit code."""
    results = stored()
    for page, table_of in ((DOCUMENT, markdown), (README, verdicts)):
        text = page.read_text(encoding="utf-8")
        fresh = with_results(text, table_of(results))
        if check and fresh != text:
            sys.stderr.write(f"{page.name} is out of date: run `python -m benchmarks table`.\n")
            return 1
        if not check:
            page.write_text(fresh, encoding="utf-8")
    return 0


def stored() -> list[dict[str, Any]]:
    """The results in docs/figures/benchmarks, in the order of the list."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    return sorted(found, key=lambda each: (NAMES.index(each["benchmark"]), each["machine"]["services"]))


def with_results(text: str, tables: str) -> str:
    """`text` with `tables` between its two marks."""
    before, rest = text.split(BEGIN)
    _old, after = rest.split(END)
    return f"{before}{BEGIN}\n{tables}{END}{after}"


def _markdown_table(columns: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows)]


def verdicts(results: list[dict[str, Any]]) -> str:
    """What was to be reached, and what was."""
    if not results:
        return "\nNothing has been measured yet.\n\n"
    lines = ["", "| benchmark | services | measured | reached | reach | |", "|---|---|---|---|---|---|"]
    for result in results:
        for each in result["verdicts"]:
            interval = f" ({_interval(each)})" if _interval(each) else ""
            lines.append(
                f"| `{result['benchmark']}` | {result['machine']['services']} | {each['what']} "
                f"| {number(each)} {each['unit']}{interval} | {reach(each)} | {'yes' if each['met'] else '**no**'} |"
            )
    return "\n".join([*lines, "", ""])


def markdown(results: list[dict[str, Any]]) -> str:
    """The verdicts, then every figure."""
    lines: list[str] = []
    for result in results:
        machine = result["machine"]
        lines += [
            "",
            f"### `{result['benchmark']}`, {machine['services']}",
            "",
            f"{machine['measured_at'][:10]}, commit {machine['commit']}, {machine['cores']} cores of "
            f"{machine['processor']}, flush to disk {machine['flush_ms']:.2g} ms, {result['seconds']:.0f} s.",
            "",
        ]
        if "rows" in result:
            lines += _markdown_table(result["columns"], result["rows"])
            continue
        lines += [
            "| | value | 95 % interval | samples |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {each['what']} | {number(each)} {each['unit']} | {_interval(each)} | {each['n']} |"
            for each in result["figures"]
        ]
    return verdicts(results) + ("\n".join([*lines, "", ""])[1:] if lines else "")
