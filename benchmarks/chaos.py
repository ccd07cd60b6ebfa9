"""Faults on purpose: workers, broker, database, disk, clock and decoders fail; no photo or prediction may be lost.

The product runs on a folder, a broker and (with PostgreSQL) a database server of its own, with two workers whose
leases and sweeps are shortened so that a fault costs seconds. After each fault: every photo that was sent is there
whole, has exactly one result per model version, stored once, or a reason that a user can read, and the queues are
empty. A supervisor's part, to start again what has died, is played by the benchmark.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.faults import broker, clock, database, disk, models, servers, workers
from benchmarks.faults.ground import WORKERS, Ground, NotPossible
from benchmarks.measuring import verdict
from benchmarks.options import Options
from benchmarks.service import guarded, running

# Long enough for a prediction on a machine that is busy with other things.
LEASE_SECONDS = 10
FAULTS: dict[str, Callable[[Ground], None]] = {
    "worker killed with -9 in mid-prediction": workers.killed_in_mid_prediction,
    "two workers claim at once": workers.claims_at_once,
    "lease expires while its owner works": workers.lease_expires_at_work,
    "decoder crashes its worker": workers.decoder_crashes,
    "decoder hangs": workers.decoder_hangs,
    "broker stopped": broker.stopped,
    "broker restarted": broker.restarted,
    "broker flushed": broker.flushed,
    "messages duplicated and reordered": broker.duplicated_and_reordered,
    "database restarted": database.restarted,
    "database locked": database.locked,
    "disk full during intake": disk.full_during_intake,
    "clock set back": clock.set_back,
    "clock set forward": clock.set_forward,
    "model promoted": models.promoted_at_work,
}


def run(options: Options) -> dict[str, Any]:
    with ground_of(options) as ground:
        return measure(ground, options, FAULTS)


def measure(ground: Ground, options: Options, faults: dict[str, Callable[[Ground], None]]) -> dict[str, Any]:
    rows, everything, broken = [], [], []
    for name, inject in faults.items():
        ground.begin()
        began = time.monotonic()
        try:
            inject(ground)
            found = ground.settle()
        except NotPossible as why:
            rows.append([name, f"not made to happen: {why}", "", "", "", "", ""])
            options.say(f"{name}: not made to happen: {why}")
            continue
        except Exception as error:
            # The next faults are worth knowing all the same.
            broken.append(f"{name}: {type(error).__name__}: {error}")
            options.say(broken[-1])
            found = ground.settle()
        everything.append({"fault": name, **asdict(found), "seconds": round(time.monotonic() - began, 1)})
        rows.append([str(value) for value in everything[-1].values()])
        options.say("  ".join(f"{key} {value}" for key, value in everything[-1].items()))
    return {
        "columns": ["fault", "photos", "lost", "twice", "stuck", "failed", "seconds"],
        "rows": rows,
        "figures": [],
        "verdicts": [
            *(_none(what, field, everything) for what, field in _HELD.items()),
            verdict("faults after which something else was wrong", [len(broken)], at_most=0, unit="faults"),
        ],
        "faults": everything,
        "wrong": broken,
    }


_HELD = {
    "lost": "lost",
    "done twice": "twice",
    "stuck": "stuck",
    "failed though the fault was not theirs": "failed",
}


def _none(what: str, field: str, everything: list[dict[str, Any]]) -> dict[str, Any]:
    return verdict(what, [sum(each[field] for each in everything)], at_most=0, unit="photos")


@contextmanager
def ground_of(options: Options) -> Iterator[Ground]:
    """The product under faults, on the services that the environment chooses."""
    with ExitStack() as stack:
        before = dict(os.environ)
        stack.callback(os.environ.update, before)
        stack.callback(os.environ.clear)
        chaos = Path(stack.enter_context(TemporaryDirectory(prefix="chaos-")))
        small = stack.enter_context(disk.small_disk(chaos / "disk"))
        guard = stack.enter_context(guarded())
        postgres = redis = None
        if os.environ.get("DATABASE_URL"):
            postgres = stack.enter_context(servers.postgres(guard))
            os.environ["DATABASE_URL"] = postgres.url if postgres else os.environ["DATABASE_URL"]
        if os.environ.get("REDIS_URL"):
            redis = stack.enter_context(servers.redis(guard))
            os.environ["REDIS_URL"] = redis.url if redis else os.environ["REDIS_URL"]
        service = stack.enter_context(
            running(
                workers=len(WORKERS),
                web=True,
                beat=True,
                **_settings(chaos, small, sqlite=not os.environ.get("DATABASE_URL")),
            )
        )
        service.connect()
        # Django's models can be imported once the process is connected.
        from benchmarks.clinic import drafts, open_desk

        desk = open_desk("Chaos")
        yield Ground(
            service, desk.token(), lambda number: drafts(desk, number), options.quick, small, postgres, redis
        )  # fmt: skip


def _settings(chaos: Path, small: Path | None, *, sqlite: bool) -> dict[str, str]:
    settings = {
        "DJANGO_SETTINGS_MODULE": "benchmarks.faults.settings",
        "CHAOS_DIR": str(chaos),
        "PREDICTION_LEASE_SECONDS": str(LEASE_SECONDS),
    }
    if small:
        for name in ("media", "tmp"):
            (small / name).mkdir()
        settings |= {"MEDIA_ROOT": str(small / "media"), "UPLOAD_TEMP_DIR": str(small / "tmp")}
        if sqlite:
            settings["DATABASE_URL"] = f"sqlite:///{small / 'db.sqlite3'}"
    return settings
