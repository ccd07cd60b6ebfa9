"""The database goes away while photos arrive and are computed."""

import signal
import sqlite3
import time
from contextlib import closing

from benchmarks.faults.ground import Ground, NotPossible

# Longer than anybody waits for SQLite's lock (skinclinic/settings.py).
_LOCKED_SECONDS = 23.0


def restarted(ground: Ground) -> None:
    """PostgreSQL is restarted in mid-work: by an order to end, and as after a power cut."""
    from django.db import connection

    if connection.vendor != "postgresql":
        raise NotPossible("SQLite is no server; see the next line")
    if ground.postgres is None:
        raise NotPossible("the server at DATABASE_URL is not ours to stop, and no PostgreSQL programs are installed")
    for how in [signal.SIGINT, signal.SIGQUIT] * ground.few(2, 1):
        sending = ground.sending(ground.few(10, 3))
        time.sleep(0.3)
        ground.postgres.stop(how)
        # Long enough for requests and predictions to find nobody there.
        time.sleep(1.0)
        ground.postgres.start()
        for _id, future in sending:
            future.result()
        connection.close()


def locked(ground: Ground) -> None:
    """Another program holds SQLite's lock for longer than anybody waits for it."""
    from django.db import connection

    if connection.vendor != "sqlite":
        raise NotPossible("for SQLite alone")
    holder = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, timeout=60)
    ground.halt()
    ground.send(ground.few(8, 2))
    # Made while it can be written to.
    cases = ground.drafts(2)
    with closing(holder):
        holder.execute("BEGIN IMMEDIATE")
        ground.go_on()
        sending = ground.sending(2, cases=cases)
        time.sleep(_LOCKED_SECONDS)
    for _id, future in sending:
        future.result()
