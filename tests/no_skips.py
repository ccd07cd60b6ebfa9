"""Where everything must be there, nothing is skipped: with `CI` set, a skip is a failure that says why.

Browser tests need a Chromium; without one they are skipped with that reason.
"""

import os
from collections.abc import Generator

import pytest

from tests import chromium


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if chromium.path() is None:
        missing = pytest.mark.skip(reason="no Chromium on this machine: `sudo apt install chromium-headless-shell`")
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(missing)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if in_ci() and report.skipped and not hasattr(report, "wasxfail"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if in_ci() and report.skipped:
        _fail(report)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"Nothing may be skipped under CI, and this was. {reason}"
