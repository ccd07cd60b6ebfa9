"""Whether the last start's preparation still holds, found without loading Django. Standard library only.

A preparation holds while no file of ours and no lock file has changed, and the SQLite database is the one
that was prepared. With `DATABASE_URL` set there is no cheap way to know, so it is always done.
"""

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from skinclinic.bootstrap import LAYERS, ROOT

_FOLDERS = ("accounts", "cases", "inference", "skinclinic", "static", "training")


def is_current(var: Path) -> bool:
    """True when nothing would be migrated, loaded or collected."""
    if os.environ.get("DATABASE_URL"):
        return False
    kept = _read(var)
    return bool(kept) and kept["sources"] == sources() and kept["database"] == _database(var)


def remember(var: Path, demo_people: list[str]) -> None:
    """Note that the database and the static files are prepared, and whom the greeting may name."""
    note = {"sources": sources(), "database": _database(var), "demo_people": demo_people}
    fresh = _note(var).with_suffix(".new")
    fresh.write_text(json.dumps(note, indent=1), encoding="utf-8")
    fresh.replace(_note(var))


def logins(var: Path) -> list[str]:
    """The lines of the greeting about demo logins; none when there is no demo data."""
    people = _read(var).get("demo_people", [])
    password = os.environ.get("DEMO_PASSWORD", "")
    with contextlib.suppress(OSError):
        password = password or (var / "demo_password").read_text(encoding="utf-8").strip()
    if not people or not password:
        return []
    return [f"Demo logins, all with the password {password}", *(f"  {person}" for person in people)]


def _note(var: Path) -> Path:
    return var / "prepared.json"


def _read(var: Path) -> dict[str, Any]:
    try:
        note = json.loads(_note(var).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) and {"sources", "database"} <= set(note) else {}


def sources() -> str:
    """A hash over name, size and time of every file that a preparation reads."""
    return _fingerprint((LAYERS[0], *_FOLDERS))


def static_sources() -> str:
    """The same for what is collected: our static files, and the packages that bring theirs."""
    return _fingerprint((LAYERS[0], "static"))


def _fingerprint(names: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for line in sorted(_files(ROOT, names)):
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _files(root: Path, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        pending = [root / name]
        while pending:
            path = pending.pop()
            if path.name == "__pycache__":
                continue
            with contextlib.suppress(FileNotFoundError):
                if path.is_dir():
                    pending += path.iterdir()
                else:
                    about = path.stat()
                    yield f"{path.relative_to(root)} {about.st_size} {about.st_mtime_ns}\n"


def _database(var: Path) -> list[int]:
    """Which SQLite file it is and which migrations it has seen; empty when it cannot be read."""
    path = var / "db.sqlite3"
    with contextlib.suppress(OSError, sqlite3.Error), contextlib.closing(_open(path)) as database:
        count, last = database.execute("SELECT count(*), max(id) FROM django_migrations").fetchone()
        return [path.stat().st_ino, count, last]
    return []


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=5)
