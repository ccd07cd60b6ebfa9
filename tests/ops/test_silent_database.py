"""A PostgreSQL server that takes connections and says nothing: /readyz says within seconds that it is not well."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ops.running import ROOT

_ASK = """
import json, sys, time
import django
django.setup()
from django.db import connection
from django.test import Client
if "keeps" in sys.argv:
    connection.ensure_connection()
began = time.monotonic()
answer = Client().get("/readyz", HTTP_HOST="localhost")
print(json.dumps([answer.status_code, answer.json()["database"], time.monotonic() - began]))
"""


class _Server:
    """Takes every connection, and answers no query; the first `greeted` are let in as far as that."""

    def __init__(self, greeted: int) -> None:
        self._greeted = greeted
        self._taken: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                taken, _address = self._listening.accept()
            except OSError:  # the test is over
                return
            self._taken.append(taken)
            if len(self._taken) <= self._greeted:
                self._greet(taken)

    def _greet(self, taken: socket.socket) -> None:
        """As PostgreSQL's protocol 3 has it."""
        while struct.unpack("!I", self._packet(taken)[:4])[0] != 3 << 16:
            taken.sendall(b"N")  # neither TLS nor GSSAPI
        facts = {"server_version": "16.0", "client_encoding": "UTF8", "TimeZone": "UTC"}
        answer = [(b"R", struct.pack("!I", 0))]
        answer += [(b"S", f"{name}\0{value}\0".encode()) for name, value in facts.items()]
        answer += [(b"Z", b"I")]
        taken.sendall(b"".join(kind + struct.pack("!I", 4 + len(body)) + body for kind, body in answer))

    @staticmethod
    def _packet(taken: socket.socket) -> bytes:
        (length,) = struct.unpack("!I", taken.recv(4, socket.MSG_WAITALL))
        return taken.recv(length - 4, socket.MSG_WAITALL)

    def close(self) -> None:
        for each in (self._listening, *self._taken):
            each.close()


@pytest.fixture(params=[False, True], ids=["from the start", "after a thread has connected"])
def silent(request: pytest.FixtureRequest) -> Iterator[tuple[_Server, list[str]]]:
    keeps = request.param
    server = _Server(greeted=1 if keeps else 0)
    yield server, ["keeps"] if keeps else []
    server.close()


def test_readyz_says_so_within_seconds(silent: tuple[_Server, list[str]], tmp_path: Path) -> None:
    server, asks = silent
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    environment |= {
        "DATABASE_URL": f"postgres://somebody:secret@127.0.0.1:{server.port}/clinic",
        "DJANGO_SETTINGS_MODULE": "skinclinic.settings",
        "VAR_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", _ASK, *asks],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    status, well, seconds = json.loads(done.stdout.splitlines()[-1])
    assert (status, well) == (503, False)
    assert seconds < 20  # without a limit it hangs for minutes


def test_what_the_address_says_of_time_limits_comes_first(tmp_path: Path) -> None:
    show = "import json; from skinclinic import settings; print(json.dumps(settings.DATABASES['default']['OPTIONS']))"
    done = subprocess.run(
        [sys.executable, "-c", show],
        cwd=ROOT,
        env=os.environ
        | {"VAR_DIR": str(tmp_path), "DATABASE_URL": "postgres://somebody@localhost/clinic?connect_timeout=9"},
        capture_output=True,
        text=True,
        check=True,
    )
    options = json.loads(done.stdout)
    assert (int(options["connect_timeout"]), options["tcp_user_timeout"]) == (9, 10_000)
    assert options["options"] == "-c jit=off"
