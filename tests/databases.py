"""The database of the tests: migrated once in a run, and copied for each process, which migrating takes ten seconds.

What was migrated stays (`var/test.sqlite3`, `test_NAME` on PostgreSQL) and is replaced by the next run.
"""

import fcntl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from pytest_django.plugin import DjangoDbBlocker

ALONE = "master"  # pytest-xdist's name for a run of one process


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
) -> Iterator[None]:
    """In place of pytest-django's own, which migrates in each process."""
    with django_db_blocker.unblock():
        if worker_id == ALONE:
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        else:
            _copy(tmp_path_factory.getbasetemp().parent, worker_id)
    yield
    # A thread of a test may have left its connection open; then the copy stays too, and the next run replaces it.
    with django_db_blocker.unblock(), suppress(OperationalError):
        connection.creation.destroy_test_db(verbosity=0)


def _copy(shared: Path, worker: str) -> None:
    """Work on a copy of the migrated database; whoever comes first makes that, and the others wait."""
    migrated = shared / "migrated"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if migrated.exists():
            _use(migrated.read_text())
        else:
            migrated.write_text(connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False))
        connection.close()
        connection.creation.clone_test_db(worker, verbosity=0, autoclobber=True)
    _use(connection.creation.get_test_db_clone_settings(worker)["NAME"])


def _use(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name
