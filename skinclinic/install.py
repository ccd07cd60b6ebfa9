"""Building `.venv`: create it, install a lock file by hash, stamp it. Standard library only."""

import contextlib
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from skinclinic.bootstrap import (
    LAYERS,
    ROOT,
    STAMP,
    Refused,
    belongs_here,
    lock_hash,
    mendable,
    python_of,
    read_stamp,
    say,
    var_folder,
)

# Free disk space, in MiB, that a layer takes from nothing: its weight on Linux x86-64 and half as much again.
ROOM = {"requirements.txt": 600, "requirements-train.txt": 3200, "requirements-dev.txt": 3700}

# What says where packages come from is kept; anything else of pip's environment could send them elsewhere
# (PIP_USER, PIP_TARGET, PIP_PREFIX), hold them back (PIP_CONSTRAINT) or change what pip prints.
_KEPT = """
    PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_NO_INDEX PIP_CERT PIP_CLIENT_CERT PIP_PROXY
    PIP_TRUSTED_HOST PIP_CONFIG_FILE PIP_CACHE_DIR PIP_NO_CACHE_DIR PIP_DEFAULT_TIMEOUT PIP_TIMEOUT
    PIP_RETRIES PIP_KEYRING_PROVIDER
"""
_COUNTED = re.compile(r"^(?:Collecting|Processing|Requirement already satisfied:?) (\S+)")
_UNREACHABLE = re.compile(
    r"connection broken|Max retries exceeded|Could not fetch URL|Name or service not known|"
    r"Temporary failure in name resolution|Network is unreachable|ReadTimeout|timed out|from versions: none"
)


def build(venv: Path, layer: str, keep_open: int) -> None:
    """Create or repair `venv` and install the lock file `layer`; stamped only when all of it is there.

    `keep_open` is the descriptor of the lock that this start holds: pip inherits it, so that a second start
    waits for a pip that outlives this process.
    """
    stamp = read_stamp(venv)
    log = var_folder() / "log" / "bootstrap.log"
    with mendable(log):
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
    usable = belongs_here(venv, stamp)
    _need_room(layer, there=stamp["locks"] if usable else {})
    if not usable:
        _remove_halves(venv)
        _create(venv, log, afresh=bool(stamp))
    with mendable(venv):
        (venv / STAMP).unlink(missing_ok=True)
    _install(venv, layer, log, keep_open)
    # Larger layers that were there stay on disk, but lose their stamp: they are looked at when next needed.
    stamp = {
        "home": str(venv.resolve()),
        "python": python_of(venv),
        "locks": {name: lock_hash(name) for name in LAYERS[: LAYERS.index(layer) + 1]},
    }
    with mendable(venv / STAMP):
        fresh = venv / f"{STAMP}.new"
        fresh.write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")
        fresh.replace(venv / STAMP)


def _need_room(layer: str, there: Iterable[str]) -> None:
    free = shutil.disk_usage(ROOT).free // 2**20
    needed = ROOM[layer] - max((ROOM.get(name, 0) for name in there), default=0)
    if free < needed:
        raise Refused(
            f"The disk that holds {ROOT} has {free} MB free and the packages need {needed} MB: "
            "free some space and start again."
        )


def _create(venv: Path, log: Path, *, afresh: bool) -> None:
    try:
        import ensurepip  # noqa: F401
        import venv as _  # noqa: F401
    except ImportError:
        raise Refused(
            f"{sys.executable} cannot make a virtual environment: install what is missing with "
            f"`sudo apt install python3-venv` (or python{python_name()}-venv) and start again."
        ) from None
    say("Making the virtual environment .venv")
    base = getattr(sys, "_base_executable", "") or sys.executable
    command = [base, "-m", "venv", *(["--clear"] if afresh else []), str(venv)]
    with mendable(venv), log.open("ab") as output:
        if venv.is_symlink() and not venv.exists():
            venv.unlink()
        code = _run(command, output, ())
    if code:
        _give_up("The virtual environment .venv could not be made", log)


def python_name() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _run(command: list[str], output: IO[bytes], keep_open: tuple[int, ...]) -> int:
    """Run to its end with output to a file; nothing is left running when this process is told to stop."""
    with _started(command, keep_open, stdout=output) as process:
        return process.wait()


@contextlib.contextmanager
def _started(
    command: list[str], keep_open: tuple[int, ...], stdout: IO[bytes] | int
) -> Iterator[subprocess.Popen[bytes]]:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        env=_environment(),
        pass_fds=keep_open,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
        signal.signal(signal.SIGTERM, before)


def _environment() -> dict[str, str]:
    dropped = ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__", "PYTHONDONTWRITEBYTECODE")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in dropped and (not name.startswith("PIP_") or name in _KEPT.split())
    } | {"LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}


def _remove_halves(venv: Path) -> None:
    """Make pip see what an installation that was cut short left incomplete; otherwise it takes it for installed.

    A full disk leaves compiled files that are cut off, and a power cut leaves files that are empty.
    """
    for site in (venv / "lib").glob("python3.*/site-packages"):
        for compiled in list(site.rglob("__pycache__")):
            shutil.rmtree(compiled, ignore_errors=True)
        for info in list(site.glob("*.dist-info")):
            if not _is_whole(site, info / "RECORD"):
                shutil.rmtree(info, ignore_errors=True)


def _is_whole(site: Path, record: Path) -> bool:
    """True when every file that a package's RECORD lists is there in its size."""
    try:
        with record.open(encoding="utf-8", newline="") as lines:
            sizes = {row[0]: row[2] for row in csv.reader(lines) if len(row) == 3 and not row[0].endswith(".pyc")}
        return all(not size or (site / name).stat().st_size == int(size) for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def _install(venv: Path, layer: str, log: Path, keep_open: int) -> None:
    # The lock file names every package with its hash, so pip neither resolves nor looks for anything else.
    command = [
        str(venv / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--require-hashes",
        "--no-user",
    ]
    # Python compiles what it imports when it imports it, and most of what is installed never is.
    command += [
        "--no-compile",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar",
        "off",
        "-r",
        str(ROOT / layer),
    ]
    progress = _Progress(venv, layer)
    with mendable(venv), log.open("ab") as kept, _started(command, (keep_open,), subprocess.PIPE) as pip:
        assert pip.stdout
        os.set_blocking(pip.stdout.fileno(), False)
        rest = b""
        while pip.poll() is None:
            time.sleep(0.1)
            chunk = pip.stdout.read() or b""
            kept.write(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                progress.read(line.decode(errors="replace"))
            progress.show()
        kept.write(pip.stdout.read() or b"")
    progress.end(complete=not pip.returncode)
    if pip.returncode:
        _give_up(f"The packages of {layer} could not be installed", log)


class _Progress:
    """How many packages are fetched, then installed: one moving line on a terminal, else a line now and then."""

    def __init__(self, venv: Path, layer: str) -> None:
        self.total = len(re.findall(r"^[A-Za-z0-9][^\s=]*==", (ROOT / layer).read_text(encoding="utf-8"), re.MULTILINE))
        self.layer, self.venv, self.moving = layer, venv, sys.stdout.isatty()
        self.fetched = self.before = self.to_install = 0
        self.name = self.shown = ""
        self.next_line = 0.0

    def read(self, line: str) -> None:
        if line.startswith("Ignoring "):  # meant for another platform or Python
            self.total -= 1
        elif found := _COUNTED.match(line):
            self.fetched += 1
            self.name = found[1].partition("==")[0]
        elif line.startswith("Installing collected packages:"):
            self.to_install, self.before = line.count(",") + 1, self._on_disk()

    def _on_disk(self) -> int:
        return sum(1 for _ in (self.venv / "lib").glob("python3.*/site-packages/*.dist-info/RECORD"))

    def show(self) -> None:
        now = time.monotonic()
        if not self.moving and now < self.next_line:
            return
        if self.to_install:
            done = min(max(self._on_disk() - self.before, 0), self.to_install)
            text = f"Packages of {self.layer}: {done} of {self.to_install} installed"
        else:
            text = f"Packages of {self.layer}: {self.fetched} of {self.total} fetched"
            text += f" ({Path(self.name).name})" if self.name and self.moving else ""
        if text != self.shown:
            self._print(text)
            self.next_line = now + 5

    def _print(self, text: str) -> None:
        if self.moving:
            width = shutil.get_terminal_size().columns - 1
            say("\r" + text[:width].ljust(min(width, len(self.shown))), end="")
        else:
            say(text)
        self.shown = text

    def end(self, *, complete: bool) -> None:
        if complete:
            self._print(f"Packages of {self.layer}: all {self.total} are there")
        if self.moving and self.shown:
            say("")


def _give_up(what: str, log: Path) -> None:
    """Raise the sentence for what pip or venv wrote into `log`."""
    said = log.read_text(encoding="utf-8", errors="replace")
    if "No space left on device" in said or "Disk quota exceeded" in said:
        raise Refused(f"The disk that holds {ROOT} is full: free some space and start again.")
    if "DO NOT MATCH THE HASHES" in said:
        raise Refused(
            f"{what}, because a downloaded package does not have the hash that the lock file names: "
            "check the package index in use (`python3 -m pip config list`) and start again."
        )
    if "CERTIFICATE_VERIFY_FAILED" in said:
        raise Refused(
            f"{what}, because the package index has a certificate that is not trusted here: "
            "name your certificate file in PIP_CERT and start again."
        )
    if _UNREACHABLE.search(said):
        raise Refused(
            f"{what}, because the package index cannot be reached: check the network, or the proxy and the "
            "index (`python3 -m pip config list`), and start again."
        )
    if "Permission denied" in said or "Read-only file system" in said:
        raise Refused(f"{what}, because this user may not write there: `sudo chown -R $(id -un) {ROOT}` mends it.")
    last = deque((line.strip() for line in said.splitlines() if line.strip()), maxlen=1)
    raise Refused(f"{what} ({last[0] if last else 'no reason was given'}): {log} holds the whole story.")
