"""From a bare Python to the project's virtual environment. Standard library only.

`enter()` runs before anything else is imported. It looks which lock file the command needs, compares that
file's hash with the stamp in `.venv`, installs what is missing and re-executes the same command in `.venv`.
When nothing is missing it costs the hash of one file. `NO_BOOTSTRAP=1` turns it off, for containers.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent

# Smallest first; each lock file holds the whole of the one before it.
LAYERS = ("requirements.txt", "requirements-train.txt", "requirements-dev.txt")
# The commands that need more than the first layer.
LAYER_OF = {
    "train": "requirements-train.txt",
    "train_run": "requirements-train.txt",
    "crossvalidate": "requirements-train.txt",
    "evaluate": "requirements-train.txt",
    "fusions": "requirements-train.txt",
    "quality": "requirements-train.txt",
    "test": "requirements-dev.txt",
    "lock": "requirements-dev.txt",
}
STAMP = "skinclinic.json"
_ENTERED = "SKINCLINIC_ENTERED_VENV"


class Refused(Exception):
    """One sentence for the person at the keyboard: what is wrong and how to mend it."""


def enter(arguments: list[str]) -> None:
    """Return only inside a `.venv` that holds what the command needs; otherwise build it and re-execute.

    Ends the process with one sentence when that cannot be done.
    """
    if os.environ.get("NO_BOOTSTRAP", "") not in ("", "0"):
        return
    try:
        ensure(ROOT / ".venv", LAYER_OF.get(arguments[0] if arguments else "", LAYERS[0]))
    except Refused as refusal:
        sys.exit(str(refusal))
    except KeyboardInterrupt:
        sys.exit("Stopped; start again and it goes on from there.")


def ensure(venv: Path, layer: str) -> None:
    """Install `layer` into `venv` unless its stamp says that it is there, and continue in it."""
    wanted = lock_hash(layer)
    if not is_ready(venv, layer, wanted):
        from skinclinic import install  # only a start that installs pays for it

        with one_at_a_time() as lock:
            if not is_ready(venv, layer, wanted):  # another start may have built it while this one waited
                install.build(venv, layer, keep_open=lock)
    if Path(sys.prefix).resolve() != venv.resolve():
        _reexecute(venv)
    os.environ.pop(_ENTERED, None)


def lock_hash(layer: str) -> str:
    """The sha256 of a lock file."""
    with mendable(ROOT / layer):
        return hashlib.sha256((ROOT / layer).read_bytes()).hexdigest()


def is_ready(venv: Path, layer: str, wanted: str) -> bool:
    """True when `venv` was completed in this place, for the Python it holds, from this very lock file."""
    stamp = read_stamp(venv)
    return belongs_here(venv, stamp) and stamp["locks"].get(layer) == wanted


def read_stamp(venv: Path) -> dict[str, Any]:
    """What the last complete installation wrote: `home`, `python`, `locks`; empty when there was none."""
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and isinstance(stamp.get("locks"), dict) else {}


def belongs_here(venv: Path, stamp: dict[str, Any]) -> bool:
    """False for a folder that was copied or moved, and for one whose base Python is gone."""
    return stamp.get("home") == str(venv.resolve()) and stamp.get("python") == python_of(venv)


def python_of(venv: Path) -> str:
    """`3.11` when the interpreter of `venv` can be started and has its library; empty when not."""
    for library in (venv / "lib").glob("python3.*"):
        if (venv / "bin" / library.name).exists() and (library / "site-packages").is_dir():
            return library.name.removeprefix("python")
    return ""


def _reexecute(venv: Path) -> NoReturn:
    if os.environ.get(_ENTERED):
        raise Refused(f"{venv}/bin/python does not run in {venv}: remove that folder and start again.")
    os.environ[_ENTERED] = "1"
    # What is installed is not compiled until it is imported. Where that may not be kept, as many containers have it,
    # each process compiles it anew: a worker starts three times as slowly.
    for name in ("PYTHONHOME", "__PYVENV_LAUNCHER__", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    sys.stdout.flush()
    python = str(venv / "bin" / "python")
    os.execv(python, [python, *sys.argv])  # noqa: S606 - the same command, in the interpreter just checked


def say(text: str, end: str = "\n") -> None:
    """A line for the person who started the command; a closed terminal is no reason to fail."""
    with contextlib.suppress(OSError):
        print(text, end=end, flush=True)  # noqa: T201


def var_folder() -> Path:
    """Where everything that is written at run time lives: `VAR_DIR`, or `var/` in the checkout."""
    return Path(os.environ.get("VAR_DIR") or ROOT / "var").absolute()


@contextlib.contextmanager
def one_at_a_time() -> Iterator[int]:
    """Two starts at once: the second waits for the first, and then finds everything built."""
    path = var_folder() / "bootstrap.lock"
    with mendable(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # patients' data will be in there
        handle = path.open("w")
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another start is installing the packages; waiting for it.")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


@contextlib.contextmanager
def mendable(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses about `path` into a sentence that says how to mend it."""
    try:
        yield
    except OSError as error:
        raise Refused(explain(error, path)) from None


def explain(error: OSError, path: Path) -> str:
    """One sentence for an operating-system error about `path`."""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk that holds {path.parent} is full: free some space and start again."
    if error.errno == errno.EROFS:
        return f"{path} is on a read-only disk: clone to a folder that can be written, and start there."
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{path} cannot be written by this user ({(error.strerror or '').lower()}): "
            f"give yourself the folder with `sudo chown -R $(id -un) {ROOT}`, or clone into one of your own."
        )
    if error.errno == errno.ENOENT and path.suffix == ".txt":
        return f"{path} is missing: restore it with `git checkout {path.name}`."
    return f"{path} cannot be used ({reason}): mend or remove it and start again."
