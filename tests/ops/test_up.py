"""The supervisor, with toy parts (tests/ops/toy.py) and the real embedded Valkey."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ops.running import Running, descendants, free_port, is_running, wait_for

TOY = Path(__file__).with_name("toy.py")
RUNS = r"skinclinic runs at http://127\.0\.0\.1:\d+ \(started in"
Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """start(port=..., var=..., **environment) -> a running `up`, ended after the test."""
    started: list[Running] = []

    def _start(*, port: int | None = None, var: Path = tmp_path / "var", **environment: str) -> Running:
        command = [sys.executable, str(TOY), "--port", str(port or free_port())]
        started.append(Running(command, VAR_DIR=str(var), **environment))
        return started[-1]

    yield _start
    for one in started:
        left = descendants(one.pid)
        one.kill()
        wait_for(lambda left=left: not any(is_running(pid) for pid in left), 10, "the guard clears up")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_and_the_exit_code_is_0(start: Start, number: signal.Signals) -> None:
    up = start()
    up.says(RUNS)
    everything = descendants(up.pid)
    assert len(everything) == 6  # the guard, Valkey, web, the worker and its child, beat

    os.kill(up.pid, number)

    assert up.ends() == 0, up.output
    assert not any(is_running(pid) for pid in everything)


def test_a_signal_during_the_start_exits_0(start: Start) -> None:
    up = start(TOY_PREPARE="import time; time.sleep(60)")
    up.says("Preparing")
    everything = descendants(up.pid)

    os.kill(up.pid, signal.SIGTERM)

    assert up.ends() == 0, up.output
    assert not any(is_running(pid) for pid in everything)


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_start_works(start: Start, tmp_path: Path) -> None:
    up = start()
    up.says(RUNS)
    everything = descendants(up.pid)
    assert int((tmp_path / "var/child.pid").read_text()) in everything

    up.kill()

    again = start()  # at once, while the guard may still be clearing up
    again.says(RUNS)
    assert not any(is_running(pid) for pid in everything)


def test_a_worker_that_dies_is_started_again(start: Start, tmp_path: Path) -> None:
    up = start()
    up.says(RUNS)
    ready = tmp_path / "var/run/worker.ready"
    first = int(ready.read_text())
    orphan = int((tmp_path / "var/child.pid").read_text())

    os.kill(first, signal.SIGKILL)

    up.says(r"worker has ended \(SIGKILL\); it starts again in 0\.5 s")
    up.says("worker answers again")
    assert int(ready.read_text()) != first
    assert not is_running(orphan)


def test_a_part_that_keeps_dying_is_said_plainly(start: Start, tmp_path: Path) -> None:
    up = start()
    up.says(RUNS)
    (tmp_path / "var/worker.fails").touch()

    os.kill(int((tmp_path / "var/run/worker.ready").read_text()), signal.SIGKILL)

    up.says(r"worker keeps dying; the end of .*worker\.log:\n(.*\n)*  \| the worker cannot find its model")
    assert up.process.poll() is None  # the pages go on working


def test_a_part_that_does_not_start_ends_the_start(start: Start, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/worker.fails").touch()
    up = start()

    assert up.ends() == 1
    assert re.search(r"worker does not start; the end of .*\n(.*\n)*  \| the worker cannot find its model", up.output)


def test_a_preparation_that_fails_ends_the_start(start: Start) -> None:
    up = start(TOY_PREPARE="import sys; sys.exit('the database is from a newer version')")

    assert up.ends() == 1
    assert re.search(r"  the database is from a newer version\n(.*\n)*The database could not be prepared", up.output)
    assert "Traceback" not in up.output


def test_a_second_up_says_where_the_first_one_runs(start: Start) -> None:
    port = free_port()
    start(port=port).says(RUNS)

    second = start()

    assert second.ends() == 1
    assert len(second.lines) == 1
    assert f"already runs at http://127.0.0.1:{port} (process " in second.output


def test_a_taken_port_names_a_free_one(start: Start) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        up = start(port=other.getsockname()[1])

        assert up.ends() == 1
    assert len(up.lines) == 1
    assert re.fullmatch(
        r"Port \d+ is taken by another program: start with `--port \d+`, or end that program\.", up.output
    )


@pytest.mark.parametrize("name", ["d" * 60 + "/" + "e" * 60, "a folder with spaces & signs #1"])
def test_a_folder_that_cannot_hold_the_socket(start: Start, tmp_path: Path, name: str) -> None:
    """Unix socket paths have room for 103 bytes, and the address of the broker is a URL."""
    var = tmp_path / name / "var"
    up = start(var=var)
    up.says(RUNS)
    server = [pid for pid in descendants(up.pid) if "valkey-server" in _command(pid)]
    assert len(server) == 1
    shown = re.search(r"unixsocket[: ](\S+)/valkey\.sock", _command(server[0]))
    assert shown
    folder = Path(shown[1])
    assert var not in folder.parents
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    os.kill(up.pid, signal.SIGTERM)

    assert up.ends() == 0
    assert not folder.exists()


def _command(pid: int) -> str:
    return subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True).stdout


def test_logs_are_kept_and_the_console_stays_brief(start: Start, tmp_path: Path) -> None:
    up = start()
    up.says(RUNS)
    wait_for(lambda: "worker starts" in (tmp_path / "var/log/worker.log").read_text(), what="the worker's log")
    assert "worker starts" not in up.output


def test_the_greeting_names_the_demo_logins(start: Start, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/prepared").touch()
    note = {"sources": "", "database": [], "demo_people": ["doctor@demo.example (doctor)"]}
    (tmp_path / "var/prepared.json").write_text(json.dumps(note))
    (tmp_path / "var/demo_password").write_text("amber-birch-7\n")
    up = start()
    up.says(r"password amber-birch-7\n    doctor@demo\.example \(doctor\)\n")
    assert "Preparing" not in up.output


def test_the_training_worker_runs_while_it_is_wanted(start: Start, tmp_path: Path) -> None:
    """It costs memory, so it is not started with the others; and its end is no death to be mended."""
    var = tmp_path / "var"
    up = start()
    up.says(RUNS)
    starts = var / "trainer.starts"
    assert len(descendants(up.pid)) == 6
    for time_ in (1, 2):
        (var / "run/trainer.wanted").touch()
        wait_for(lambda: starts.exists() and len(starts.read_text().split()) == time_, what="it was wanted")  # noqa: B023
        wait_for(lambda: len(descendants(up.pid)) == 6, what="it has gone")
    assert not (var / "run/trainer.wanted").exists()
    assert "trainer" not in up.output


def test_watching_costs_nothing(start: Start) -> None:
    up = start()
    up.says(RUNS)
    before = _cpu_seconds(up.pid)
    time.sleep(2)
    assert _cpu_seconds(up.pid) - before < 0.1


def _cpu_seconds(pid: int) -> float:
    shown = subprocess.run(["ps", "-o", "cputimes=", "-p", str(pid)], capture_output=True, text=True).stdout
    return float(shown)
