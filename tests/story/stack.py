"""The whole product, started as a newcomer starts it: `manage.py up` on an empty folder, with real parts.

With DATABASE_URL and REDIS_URL it runs on a fresh database of that server, and on a Redis database of its own.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "amber-birch-cedar-2001"
START_SECONDS = 400  # half a minute on an idle machine; this is for one that is busy with other tests
# Of its own for each pytest process, as the database is.
PROCESS = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
REDIS_DATABASE = 11 + int(PROCESS.removeprefix("gw")) % 4


@dataclass
class Stack:
    """A running product."""

    url: str
    var: Path
    process: subprocess.Popen[bytes]
    environment: dict[str, str]

    def manage(self, *arguments: str) -> str:
        """What a command prints that runs beside the product, on its database."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def log(self, part: str) -> str:
        return (self.var / "log" / f"{part}.log").read_text(encoding="utf-8")


@contextmanager
def running() -> Iterator[Stack]:
    """Starts the product, waits until it is ready to take work, and stops it as Ctrl-C does."""
    with tempfile.TemporaryDirectory(prefix="skinclinic-story-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        var = Path(folder) / "var"
        environment = os.environ | {"NO_BOOTSTRAP": "1", "VAR_DIR": str(var), "DEMO_PASSWORD": PASSWORD} | _services()
        environment.pop("CI", None)
        output = (Path(folder) / "up.log").open("w+b")
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        stack = Stack(f"http://127.0.0.1:{port}", var, process, environment)
        try:
            _wait_until_ready(stack, Path(output.name))
            yield stack
        finally:
            process.send_signal(signal.SIGINT)
            try:
                code = process.wait(timeout=30)
            finally:
                process.kill()
        assert code == 0, f"up ended with {code}: {Path(output.name).read_text()}"


def _services() -> dict[str, str]:
    services = {}
    if url := os.environ.get("DATABASE_URL"):
        services["DATABASE_URL"] = _fresh_database(url)
    if url := os.environ.get("REDIS_URL"):
        services["REDIS_URL"] = urlsplit(url)._replace(path=f"/{REDIS_DATABASE}").geturl()
    return services


def _fresh_database(url: str) -> str:
    """An empty database on the same server, and its URL."""
    import psycopg
    from psycopg import sql

    name = f"{urlsplit(url).path.lstrip('/')}_story_{PROCESS}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _wait_until_ready(stack: Stack, output: Path) -> None:
    """Ready is what /readyz says: database, broker, model, worker, queue and disk."""
    until = time.monotonic() + START_SECONDS
    last = "nothing yet"
    while time.monotonic() < until:
        if stack.process.poll() is not None:
            raise AssertionError(f"up ended with {stack.process.returncode}: {output.read_text()}")
        try:
            with urllib.request.urlopen(f"{stack.url}/readyz", timeout=5) as answer:
                if all(json.load(answer).values()):
                    return
        except OSError as error:
            last = str(error)
        time.sleep(0.3)
    raise AssertionError(f"not ready after {START_SECONDS} s ({last}): {output.read_text()}")
