"""PostgreSQL and Redis servers of the benchmark's own, which it may stop, start and kill as it likes."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.service import free_port

START_SECONDS = 60.0


@dataclass
class Server:
    """A server that can be stopped and started again, its data kept if it keeps any."""

    url: str
    command: list[str]
    log: Path
    answers: Callable[[], bool]
    guard: int
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, start_new_session=True,
                **_as(self.user),
            )  # fmt: skip
        os.write(self.guard, b"+%d\n" % self.process.pid)
        until = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{self.command[0]} does not start:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)
            os.write(self.guard, b"-%d\n" % self.process.pid)


@contextmanager
def folder(guard: int, owner: str | None = None) -> Iterator[Path]:
    """A private folder with a short path, as Unix sockets need it."""
    made = Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp"))
    os.write(guard, b"~%s\n" % os.fsencode(made))
    if owner:
        shutil.chown(made, owner)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def postgres(guard: int) -> Iterator[Server | None]:
    """A PostgreSQL server, or None where its programs are not installed."""
    programs = _postgres_programs()
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    if programs is None or (user and not _exists(user)):
        yield None
        return
    with folder(guard, user) as place:
        data, port = place / "data", free_port()
        subprocess.run(
            [programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale", "C"],
            check=True, capture_output=True, cwd="/",
            **_as(user),
        )  # fmt: skip
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(place)]
        ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        server = Server(
            f"postgres://postgres@127.0.0.1:{port}/postgres",
            [*command, "-c", "listen_addresses=127.0.0.1"],
            place / "log",
            lambda: subprocess.run(ready, check=False).returncode == 0,
            guard,
            user,
        )
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)


@contextmanager
def redis(guard: int) -> Iterator[Server | None]:
    """A Redis or Valkey server, or None where none is installed."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        yield None
        return
    with folder(guard) as place:
        port = free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        server = Server(
            f"redis://127.0.0.1:{port}/0", [*command, "--dir", str(place)], place / "log", lambda: _listens(port), guard
        )
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGKILL)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False


def _postgres_programs() -> Path | None:
    found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found += [Path(path).parent for path in [shutil.which("postgres")] if path]
    return next((each for each in found if (each / "postgres").exists() and (each / "initdb").exists()), None)


def _as(user: str | None) -> dict[str, Any]:
    """The options that start a process as `user`."""
    return {"user": user, "group": user, "extra_groups": []} if user else {}


def _exists(user: str) -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam(user))
    return False
