"""The processes of docker-compose.yml, started by hand with the file's own commands.

They run on `DATABASE_URL` and `REDIS_URL` where these are set (on PostgreSQL in a database of their own), else on a
SQLite file and an embedded Valkey; there is nothing here that only one of the two can do.
"""

import json
import os
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import yaml

from tests.ops.running import ROOT, Running, free_port, wait_for

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
LASTING = ["web", "worker-urgent", "worker-routine", "trainer", "beat"]
SCRIPTS = Path(sys.executable).parent

# One at a time, and not beside another test that listens to the same broker.


@pytest.fixture
def database_url(tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    given = os.environ.get("DATABASE_URL", "")
    if not given.startswith("postgres"):
        yield f"sqlite:///{tmp_path / 'production.sqlite3'}"
        return
    import psycopg

    name = f"{urlsplit(given).path.strip('/')}_processes"
    with psycopg.connect(_with_path(given, "/postgres"), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}"')
    yield _with_path(given, f"/{name}")
    with psycopg.connect(_with_path(given, "/postgres"), autocommit=True) as server:
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=path))


@pytest.fixture
def redis_url(broker_url: str) -> str:
    """The broker, but a numbered database of it where no other test's messages are."""
    parts = urlsplit(broker_url)
    return urlunsplit(parts._replace(path=f"/{(int(parts.path.strip('/') or 0) + 1) % 16}"))


class Production:
    """What a container engine would do with the file: environment, command, health check."""

    def __init__(self, var: Path, port: int, **services: str) -> None:
        self.var, self.port = var, port
        self.environment = {
            "SECRET_KEY": "of-this-test-only-0123456789-0123456789-0123456789",
            "ALLOWED_HOSTS": "skin.clinic.example,localhost",
            "HTTPS": "1",
            "LOG_JSON": "1",
            "NO_BOOTSTRAP": "1",
            "VAR_DIR": str(var),
            "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
            "HOSTNAME": socket.gethostname(),
        } | services
        self.running: dict[str, Running] = {}

    def start(self, name: str) -> Running:
        command = [part.replace("0.0.0.0:8000", f"127.0.0.1:{self.port}") for part in self._command(name)]
        if "worker" in command:  # in containers the host names differ; here the workers share one
            command += ["--hostname", f"{name}@%h"]
        ready = self.var / f"{name}.ready"
        self.running[name] = Running(command, **self.environment, READY_FILE=str(ready))
        return self.running[name]

    def _command(self, name: str) -> list[str]:
        program, *rest = COMPOSE["services"][name]["command"]
        return [str(SCRIPTS / program), *rest]

    def is_healthy(self, name: str) -> bool:
        """Carry out the part's own health check."""
        kind, *command = COMPOSE["services"][name]["healthcheck"]["test"]
        command = [part.replace("$$", "$").replace("127.0.0.1:8000", f"127.0.0.1:{self.port}") for part in command]
        command = [part.replace("celery@", f"{name}@").replace("/tmp/", f"{self.var}/") for part in command]
        command = [part.replace(f"{self.var}/ready", f"{self.var}/{name}.ready") for part in command]
        return Running(["sh", "-c", *command] if kind == "CMD-SHELL" else command, **self.environment).ends() == 0

    def get(self, path: str) -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Host": "localhost"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""


@pytest.fixture
def production(tmp_path: Path, database_url: str, redis_url: str) -> Iterator[Production]:
    (tmp_path / "files").mkdir()
    made = Production(tmp_path / "files", free_port(), DATABASE_URL=database_url, REDIS_URL=redis_url)
    yield made
    for one in made.running.values():
        if one.process.poll() is None:
            os.killpg(one.pid, signal.SIGKILL)
            one.process.wait()


def test_the_processes_of_the_compose_file_work_together(production: Production) -> None:
    for _ in range(2):  # a second deployment finds everything in place
        migrate = production.start("migrate")
        assert migrate.ends(120) == 0, migrate.output

    for name in LASTING:
        production.start(name)

    wait_for(lambda: production.get("/healthz")[0] == 200, 60, "web answers")
    # All of it at once: database, broker, active model, and a heartbeat that beat sent and a worker carried out.
    wait_for(lambda: production.get("/readyz")[0] == 200, 60, "ready")
    assert all(json.loads(production.get("/readyz")[1]).values())
    for name in LASTING:
        assert production.is_healthy(name), f"{name}: {production.running[name].output}"

    for name in reversed(LASTING):
        part = production.running[name]
        os.kill(part.pid, signal.SIGTERM)
        assert part.ends(30) == 0, f"{name}: {part.output}"
    assert not production.is_healthy("worker-routine")
