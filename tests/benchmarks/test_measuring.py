"""Figures and verdicts, from samples whose answer is known; and how people are shown them."""

import json

import pytest

from benchmarks import NAMES, machine, measuring, report


def test_the_interval_of_a_median_holds_it_and_narrows_with_more_samples() -> None:
    few, many = [1.0, 2.0, 3.0, 4.0, 9.0], [1.0, 2.0, 3.0, 4.0, 9.0] * 20
    low, high = measuring.interval(few)
    assert 1 <= low <= 3 <= high <= 9
    narrow_low, narrow_high = measuring.interval(many)
    assert narrow_high - narrow_low < high - low


def test_a_ratio_is_formed_round_by_round() -> None:
    # The second round was slow for both sides.
    assert measuring.ratios([20.0, 80.0], [2.0, 8.0]) == [10.0, 10.0]


@pytest.mark.parametrize(
    ("limit", "met"), [({"at_least": 10}, True), ({"at_least": 13}, False), ({"at_most": 13}, True)]
)
def test_a_verdict_goes_by_the_statistic(limit: dict[str, float], met: bool) -> None:
    assert measuring.verdict("speed", [11.0, 12.0, 30.0], **limit)["met"] is met


def test_p95_is_near_the_slowest() -> None:
    assert measuring.figure("page", list(range(101)), "ms", measuring.p95)["value"] == pytest.approx(95)


def test_a_busy_machine_is_told_from_an_idle_one() -> None:
    assert machine.Load(0.6, (0.0, 0.0, 0.0)).is_busy
    assert not machine.Load(0.01, (1.5, 0.0, 0.0)).is_busy  # the average still remembers what has ended
    assert machine.Load(None, (1.5, 0.0, 0.0)).is_busy
    assert "60%" in machine.Load(0.6, (0.0, 0.0, 0.0)).sentence


def test_the_facts_can_be_written_and_name_the_machine() -> None:
    facts = json.loads(json.dumps(machine.facts(machine.Load(0.0, (0.0, 0.0, 0.0)))))
    assert facts["cores"] >= 1
    assert facts["versions"]["onnxruntime"][0].isdigit()
    assert facts["flush_ms"] > 0


RESULT = {
    "benchmark": NAMES[0],
    "quick": False,
    "figures": [measuring.figure("our engine", [5.0, 6.0, 7.0], "ms")],
    "verdicts": [measuring.verdict("Keras / ours", [9.0, 9.5], at_least=10)],
    "seconds": 12.0,
    "machine": {
        "cores": 2,
        "processor": "A processor",
        "services": "SQLite and embedded Valkey",
        "busy_share_before": 0.02,
        "measured_at": "2026-01-02T03:04:05+00:00",
        "commit": "abc",
        "flush_ms": 1.2,
    },
}


def test_people_see_the_figure_its_interval_and_what_is_missed() -> None:
    shown = report.table(RESULT)
    assert "our engine  6 " in shown
    assert "MISSED  Keras / ours  9.25 x  at least 10 x" in shown


def test_the_page_takes_its_tables_from_the_files() -> None:
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    written = report.with_results(page, report.markdown([RESULT]))
    assert "| our engine | 6 ms | 5 to 7 | 3 |" in written
    assert "| Keras / ours | 9.25 x (9 to 9.50) | at least 10 x | **no** |" in written
    assert "old" not in written
    assert written.startswith("before\n")
    assert written.endswith(f"{report.END}\nafter\n")
    assert report.with_results(written, report.markdown([RESULT])) == written
    # The short one for the README.
    assert "| Keras / ours | 9.25 x" in report.verdicts([RESULT])
    assert "our engine" not in report.verdicts([RESULT])


def test_docs_performance_shows_the_stored_results() -> None:
    assert report.write_document(check=True) == 0, "run `python -m benchmarks table`"
