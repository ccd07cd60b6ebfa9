"""manage.py on a bare Python, in a tiny checkout whose lock files name wheels made here: no network is needed."""

import ast
import base64
import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from skinclinic import bootstrap, install
from skinclinic.bootstrap import LAYERS, Refused
from tests.ops.running import ROOT, is_running, wait_for

BARE = getattr(sys, "_base_executable", sys.executable)
# Stands for Django: says in which environment which command arrived.
DJANGO = """
import os, sys
def execute_from_command_line(argv):
    print("ran", *argv[1:], "in", os.path.realpath(sys.prefix))
    try:
        import extra
        print("extra", extra.VERSION)
    except ImportError:
        print("no extra")
"""


class Checkout:
    """A folder with manage.py and what it needs before anything is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.wheels = folder, folder.parent / "wheels"
        (folder / "skinclinic").mkdir(parents=True)
        self.wheels.mkdir(exist_ok=True)
        for name in ("manage.py", "skinclinic/__init__.py", "skinclinic/bootstrap.py", "skinclinic/install.py"):
            shutil.copy(ROOT / name, folder / name)
        self.django = self.wheel("django", "1.0", {"django/core/management/__init__.py": DJANGO})
        for layer in LAYERS:
            self.lock(layer, [self.django])

    def wheel(self, name: str, version: str, files: dict[str, str]) -> str:
        """Make a wheel; returns its line in a lock file."""
        info = f"{name}-{version}.dist-info"
        files = files | {
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        path = self.wheels / f"{name}-{version}-py3-none-any.whl"
        record = ""
        with zipfile.ZipFile(path, "w") as archive:
            for inside, text in files.items():
                archive.writestr(inside, text)
                digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
                record += f"{inside},sha256={digest},{len(text.encode())}\n"
            archive.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")
        return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"

    def lock(self, layer: str, lines: list[str]) -> None:
        ignored = 'colorama==0.4.6 ; sys_platform == "win32" \\\n    --hash=sha256:' + "0" * 64 + "\n"
        (self.folder / layer).write_text("".join(lines) + ignored)

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder.parent),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
        } | more

    def run(self, *arguments: str, python: str = BARE, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "manage.py", *arguments],
            cwd=self.folder,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def ran(self) -> str:
        return f"in {self.folder.resolve() / '.venv'}"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


def test_first_start_builds_second_start_does_not_and_a_changed_lock_is_noticed(checkout: Checkout) -> None:
    # What is compiled is kept, even where the machine says not to: every later start would take three times as long.
    first = checkout.run("check", "--deploy", PYTHONDONTWRITEBYTECODE="1")
    assert first.returncode == 0, first.stderr
    assert list((checkout.folder / ".venv/lib").glob("python3.*/site-packages/django/core/management/__pycache__/*"))
    assert "Packages of requirements.txt: all 1 are there" in first.stdout
    assert f"ran check --deploy {checkout.ran}" in first.stdout

    second = checkout.run("check")
    assert second.stdout.splitlines() == [f"ran check {checkout.ran}", "no extra"]

    extra = checkout.wheel("extra", "2.0", {"extra.py": "VERSION = 2"})
    checkout.lock("requirements.txt", [checkout.django, extra])
    third = checkout.run("check")
    assert "Packages of requirements.txt" in third.stdout
    assert "extra 2" in third.stdout
    assert checkout.run("check").stdout.splitlines()[0].startswith("ran check")

    bare = min(_seconds([BARE, "-c", "pass"], checkout) for _ in range(5))
    warm = min(_seconds([BARE, "manage.py", "check"], checkout) for _ in range(5))
    # Two interpreter starts and one hash.
    assert warm - bare < 0.5


def test_a_larger_layer_is_added_for_the_commands_that_need_it_and_stays(checkout: Checkout) -> None:
    extra = checkout.wheel("extra", "2.0", {"extra.py": "VERSION = 2"})
    checkout.lock("requirements-train.txt", [checkout.django, extra])
    assert "no extra" in checkout.run("check").stdout

    training = checkout.run("train")
    assert "Packages of requirements-train.txt" in training.stdout
    assert "extra 2" in training.stdout

    assert checkout.run("check").stdout.splitlines() == [f"ran check {checkout.ran}", "extra 2"]
    stamp = json.loads((checkout.folder / ".venv" / bootstrap.STAMP).read_text())
    assert set(stamp["locks"]) == {"requirements.txt", "requirements-train.txt"}


def test_an_installation_that_was_cut_short_is_repaired(checkout: Checkout) -> None:
    extra = checkout.wheel("extra", "2.0", {"extra.py": "VERSION = 2"})
    checkout.lock("requirements.txt", [checkout.django, extra])
    assert checkout.run("check").returncode == 0
    site = next((checkout.folder / ".venv/lib").glob("python3.*/site-packages"))
    # As after a power cut while things were copied: no stamp, and packages without their record, pip itself too.
    (checkout.folder / ".venv" / bootstrap.STAMP).unlink()
    (site / "extra-2.0.dist-info/RECORD").unlink()
    (site / "extra.py").unlink()
    (site / "django/core/management/__init__.py").write_text("")
    compiled = next(site.glob("pip/__pycache__/__init__.*.pyc"))
    compiled.write_bytes(compiled.read_bytes()[:20])
    next(site.glob("pip-*.dist-info/RECORD")).unlink()
    (site / "pip/__main__.py").unlink()

    mended = checkout.run("check")

    assert mended.returncode == 0, mended.stderr
    assert "extra 2" in mended.stdout


def test_ctrl_c_leaves_no_pip_behind_and_the_next_start_goes_on(checkout: Checkout) -> None:
    # A package index that accepts connections and never answers: pip waits.
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        env = checkout.environment(PIP_INDEX_URL=f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        del env["PIP_NO_INDEX"], env["PIP_FIND_LINKS"]
        starting = subprocess.Popen(
            [BARE, "manage.py", "check"],
            cwd=checkout.folder,
            env=env,
            stderr=subprocess.PIPE,
            text=True,
            # A suite that a shell has started in the background inherits an ignored Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        silent.settimeout(60)
        connection, _ = silent.accept()
        pip = [pid for pid in _processes_in(checkout.folder) if pid != starting.pid]
        assert pip
        starting.send_signal(signal.SIGINT)
        assert starting.wait(20) == 1
        assert starting.stderr
        assert starting.stderr.read() == "Stopped; start again and it goes on from there.\n"
        connection.close()
    wait_for(lambda: not any(is_running(pid) for pid in pip), what="pip ends")
    assert checkout.run("check").returncode == 0


def _processes_in(folder: Path) -> list[int]:
    shown = subprocess.run(["ps", "-axwwo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in shown.splitlines() if f"{folder}/.venv/bin/python" in line]


def test_two_starts_at_once_build_once(checkout: Checkout) -> None:
    both = [
        subprocess.Popen(
            [BARE, "manage.py", "check"],
            cwd=checkout.folder,
            env=checkout.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [one.communicate(timeout=120)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert all(f"ran check {checkout.ran}" in text for text in said)
    assert sum("Making the virtual environment" in text for text in said) == 1


def test_a_copied_environment_is_built_anew(checkout: Checkout, tmp_path: Path) -> None:
    assert checkout.run("check").returncode == 0
    other = Checkout(tmp_path / "other")
    shutil.copytree(checkout.folder / ".venv", other.folder / ".venv", symlinks=True)

    started = other.run("check")

    assert "Making the virtual environment" in started.stdout
    assert f"ran check {other.ran}" in started.stdout


def test_inside_another_environment_and_with_an_odd_pip_setup(checkout: Checkout, tmp_path: Path) -> None:
    other = tmp_path / "another-venv"
    subprocess.run([BARE, "-m", "venv", "--without-pip", other], check=True)
    odd = {
        "PIP_USER": "1",
        "PIP_TARGET": str(tmp_path / "target"),
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_CONSTRAINT": str(tmp_path / "missing.txt"),
        "PIP_QUIET": "3",
        "VIRTUAL_ENV": str(other),
    }

    started = checkout.run("check", python=str(other / "bin/python"), **odd)

    assert started.returncode == 0, started.stderr
    assert f"ran check {checkout.ran}" in started.stdout
    inside = checkout.run("check", python=str(checkout.folder / ".venv/bin/python"))
    assert inside.stdout.splitlines()[0] == f"ran check {checkout.ran}"


def test_no_bootstrap_leaves_everything_alone(checkout: Checkout) -> None:
    started = checkout.run("check", NO_BOOTSTRAP="1")
    assert "No module named 'django'" in started.stderr
    assert not (checkout.folder / ".venv").exists()


def _seconds(command: list[str], checkout: Checkout) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=checkout.folder, env=checkout.environment(), capture_output=True, check=True)
    return time.perf_counter() - began


# --- One sentence for what cannot be mended here ----------------------------------------------------------


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """What was said on the way out: one line, no traceback, and an exit code that says no."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr.strip()


def test_an_old_python_can_read_manage_py_and_says_that_it_is_too_old() -> None:
    source = (ROOT / "manage.py").read_text()
    ast.parse(source, feature_version=(3, 4))
    pretend = "import sys; sys.version_info = (3, 9, 2, 'final', 0); exec(open('manage.py').read())"
    done = subprocess.run([BARE, "-c", pretend], cwd=ROOT, capture_output=True, text=True, check=False)
    assert one_sentence(done).startswith("skinclinic needs Python 3.11 or newer and this is 3.9: install")


def test_a_python_without_ensurepip(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking/ensurepip.py").write_text("raise ImportError('as Debian without python3-venv')")
    done = checkout.run("check", PYTHONPATH=str(tmp_path / "lacking"))
    assert "`sudo apt install python3-venv`" in one_sentence(done)


def test_no_network(checkout: Checkout) -> None:
    checkout.lock("requirements.txt", ["absent==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n"])
    done = checkout.run("check", PIP_NO_INDEX="", PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0")
    assert "the package index cannot be reached: check the network" in one_sentence(done)
    assert not (checkout.folder / ".venv" / bootstrap.STAMP).exists()


def test_a_package_that_is_not_the_locked_one(checkout: Checkout) -> None:
    wrong = checkout.django.split("sha256:")[0] + "sha256:" + "0" * 64 + "\n"
    checkout.lock("requirements.txt", [wrong])
    assert "does not have the hash that the lock file names" in one_sentence(checkout.run("check"))


def test_a_missing_lock_file(checkout: Checkout) -> None:
    (checkout.folder / "requirements.txt").unlink()
    assert "restore it with `git checkout requirements.txt`" in one_sentence(checkout.run("check"))


def test_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The superuser may write everywhere, so the refusal is made up."""

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setattr(bootstrap, "is_ready", lambda *_: False)
    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.delenv("NO_BOOTSTRAP", raising=False)
    with pytest.raises(SystemExit) as refusal:
        bootstrap.enter(["up"])
    assert "cannot be written by this user (permission denied): give yourself the folder with `sudo chown" in str(
        refusal.value
    )


def test_a_disk_with_too_little_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**40, 2**40, 30 * 2**20))
    with pytest.raises(Refused, match=r"has 30 MB free and the packages need \d+ MB: free some space"):
        install.build(tmp_path / ".venv", "requirements.txt", keep_open=-1)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "is full"),
        ("ERROR: [Errno 13] Permission denied: '/x/.venv/lib'", "sudo chown"),
        ("SSLError(SSLCertVerificationError: CERTIFICATE_VERIFY_FAILED", "PIP_CERT"),
        ("WARNING: Retrying: connection broken by NewConnectionError", "check the network"),
        ("something\nERROR: nobody has seen this before", r"\(ERROR: nobody has seen this before\): .*log"),
    ],
)
def test_what_pip_says_becomes_one_sentence(tmp_path: Path, said: str, sentence: str) -> None:
    log = tmp_path / "bootstrap.log"
    log.write_text(said)
    with pytest.raises(Refused, match=sentence) as refusal:
        install._give_up("The packages of requirements.txt could not be installed", log)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.ENOTDIR])
def test_what_the_system_refuses_becomes_one_sentence(number: int) -> None:
    sentence = bootstrap.explain(OSError(number, os.strerror(number)), Path("/somewhere/var/up.lock"))
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert "/somewhere/var" in sentence


def test_every_layer_holds_the_one_before_it() -> None:
    """Otherwise a larger layer could take a package away from a smaller one."""
    pins = [_pins(ROOT / layer) for layer in LAYERS]
    assert pins[0] <= pins[1] <= pins[2]
    assert all("--hash=sha256:" in (ROOT / layer).read_text() for layer in LAYERS)


def _pins(lock: Path) -> set[str]:
    return {line.split(" ")[0] for line in lock.read_text().splitlines() if "==" in line and line[0].isalnum()}
