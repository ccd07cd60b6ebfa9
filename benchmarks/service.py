"""The whole product for a measurement: its own parts, as `manage.py up` starts them, on a folder of their own.

`DATABASE_URL` and `REDIS_URL` choose the pair of services as everywhere else. On PostgreSQL the product gets a
database of its own beside the one that is named, and drops it at the end; on Redis the numbered database must be
empty. Nothing is left running, whichever way the benchmark ends: a guard process sees to it (skinclinic/up/guard.py).
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import urlsplit

from skinclinic.bootstrap import ROOT, var_folder
from skinclinic.up import guard, parts
from skinclinic.up.part import Part

START_SECONDS = 60.0
STOP_SECONDS = 20.0
# Beyond what any measurement sends: how many requests a token may send a minute is no question here.
ENOUGH_REQUESTS = "1000000"


@dataclass
class Service:
    """A running product. `environment` is what its processes have."""

    url: str
    var: Path
    environment: dict[str, str]
    _guard: int
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def connect(self) -> None:
        """Sets Django up in this process, on the product's database and broker. Once a process."""
        os.environ.update(self.environment)
        import django

        django.setup()
        import skinclinic.celery  # noqa: F401 - the application that messages are sent with

    def start_worker(self, name: str) -> Part:
        """One more worker, ready to take work."""
        return self.start(parts.worker(self.var, self.environment, name))

    def start_workers(self, *names: str) -> None:
        """Several at once, which takes as long as one on as many cores."""
        for part in [self._launch(parts.worker(self.var, self.environment, name)) for name in names]:
            self._await(part)

    def kill(self, name: str) -> None:
        """-9, without a chance to finish anything."""
        self.parts[name].end_group()
        self.forget(name)

    def forget(self, name: str) -> None:
        """A part that has ended is no part any more."""
        process = self.parts.pop(name).process
        assert process
        os.write(self._guard, b"-%d\n" % process.pid)

    def start(self, part: Part) -> Part:
        """Starts a part, ready when this returns."""
        return self._await(self._launch(part))

    def _launch(self, part: Part) -> Part:
        self.parts[part.name] = part
        with part.log.open("ab") as log:
            part.process = subprocess.Popen(
                part.command,
                cwd=ROOT,
                env=part.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        os.write(self._guard, b"+%d\n" % part.process.pid)
        return part

    def _await(self, part: Part) -> Part:
        until = time.monotonic() + START_SECONDS
        while not part.ready():
            if part.has_ended() or time.monotonic() > until:
                raise RuntimeError(f"{part.name} does not start:\n{part.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.05)
        return part

    def stop(self, *names: str) -> None:
        """Asks parts to finish what they have in their hands; ends what does not within STOP_SECONDS."""
        leaving = [self.parts.pop(name) for name in names if name in self.parts]
        for part in leaving:
            part.ask_to_stop()
        until = time.monotonic() + STOP_SECONDS
        while any(not part.has_ended() for part in leaving) and time.monotonic() < until:
            time.sleep(0.05)
        for part in leaving:
            part.end_group()
            if part.process:
                os.write(self._guard, b"-%d\n" % part.process.pid)

    def stop_all(self) -> None:
        """First who makes work, then who does it, then what carries it."""
        workers = [name for name in self.parts if name.startswith("worker")]
        for names in (["beat"], ["web", *workers], ["valkey"]):
            self.stop(*names)

    def pids(self, name: str) -> list[int]:
        """The process of a part and its children, the parent first."""
        process = self.parts[name].process
        assert process
        shown = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False
        ).stdout
        return [process.pid, *map(int, shown.split())]


@contextmanager
def running(*, workers: int = 1, web: bool = True, beat: bool = True, **environment: str) -> Iterator[Service]:
    """Starts the product with its model and vocabulary and without demo data; stops it and removes all it wrote.

    Args:
        workers: their parts are called worker1, worker2, ...
        environment: settings of the product, as environment variables.
    """
    with ExitStack() as stack:
        stack.enter_context(_own_environment_back())
        guard_pipe = stack.enter_context(guarded())
        var = stack.enter_context(_folder(guard_pipe))
        port = free_port()
        service = Service(f"http://127.0.0.1:{port}", var, {}, guard_pipe)
        stack.callback(service.stop_all)
        redis_url = stack.enter_context(_broker(service))
        service.environment = parts.environment(var, redis_url, "127.0.0.1", port) | {
            "API_REQUESTS_PER_MINUTE": ENOUGH_REQUESTS,
            **environment,
        }
        service.environment.pop("CI", None)
        if os.environ.get("DATABASE_URL"):
            service.environment["DATABASE_URL"] = stack.enter_context(database())
            # Before the database is dropped, so that nothing complains about its loss.
            stack.callback(service.stop_all)
        prepare(service.environment)
        for number in range(1, workers + 1):
            service.start_worker(f"worker{number}")
        if beat:
            service.start(parts.beat(var, service.environment))
        if web:
            service.start(parts.web(var, service.environment, "127.0.0.1", port))
            urllib.request.urlopen(f"{service.url}/healthz", timeout=10).close()
        yield service


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepare(environment: dict[str, str]) -> None:
    """Schema, vocabulary, model and static files, without demo data."""
    command = [sys.executable, "manage.py", "up", "--prepare", "--no-demo"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"The product could not be prepared:\n{done.stdout}{done.stderr}")


@contextmanager
def _own_environment_back() -> Iterator[None]:
    """Undoes what `Service.connect` sets, so that what comes after the benchmark finds its own folders again."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def guarded() -> Iterator[int]:
    """The writing end of the guard's pipe; it ends what is left when this process is gone."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-S", "-E", guard.__file__, str(reading)], pass_fds=(reading,), start_new_session=True
    )
    os.close(reading)
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield writing
    finally:
        signal.signal(signal.SIGTERM, before)
        os.close(writing)
        process.wait()


@contextmanager
def _folder(guard_pipe: int) -> Iterator[Path]:
    """An empty folder on the disk that holds the product's data."""
    parent = var_folder() / "benchmarks"
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(mkdtemp(dir=parent))
    os.write(guard_pipe, b"~%s\n" % os.fsencode(folder))
    (folder / "run").mkdir()
    (folder / "log").mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _broker(service: Service) -> Iterator[str]:
    given = os.environ.get("REDIS_URL", "")
    if not given:
        folder, temporary = parts.socket_folder(service.var)
        if temporary:
            os.write(service._guard, b"~%s\n" % os.fsencode(folder))
        service.start(parts.valkey(service.var, folder))
        try:
            yield f"unix://{folder}/valkey.sock"
        finally:
            service.stop_all()
            if temporary:
                shutil.rmtree(folder, ignore_errors=True)
        return
    import redis

    with redis.Redis.from_url(given) as server:
        if server.dbsize():
            sys.exit(f"{given} holds data: name an empty database of that server, for example ending in /9.")
        try:
            yield given
        finally:
            service.stop_all()
            with suppress(redis.RedisError):
                server.flushdb()


@contextmanager
def database(suffix: str = "") -> Iterator[str]:
    """An empty database on the server of `DATABASE_URL`, as a URL; dropped at the end."""
    import psycopg
    from psycopg import sql

    given = os.environ["DATABASE_URL"]
    name = sql.Identifier(f"skinclinic_benchmark_{os.getpid()}{suffix}")

    def tell(order: str) -> None:
        # Connected anew each time: a benchmark may have restarted the server in between.
        with psycopg.connect(given, autocommit=True, connect_timeout=5) as server:
            server.execute(sql.SQL(order).format(name))

    try:
        tell("CREATE DATABASE {}")
    except psycopg.OperationalError as error:
        sys.exit(f"PostgreSQL does not answer at DATABASE_URL: {error}")
    try:
        yield urlsplit(given)._replace(path=f"/skinclinic_benchmark_{os.getpid()}{suffix}").geturl()
    finally:
        tell("DROP DATABASE IF EXISTS {} WITH (FORCE)")
