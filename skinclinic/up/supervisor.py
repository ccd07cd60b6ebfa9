"""Starts the parts in order, keeps them running, stops them in order."""

import argparse
import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from skinclinic.bootstrap import Refused, mendable, say, var_folder
from skinclinic.up import guard, parts, prepared, refusals
from skinclinic.up.only_one import OnlyOne
from skinclinic.up.part import Part

_TICK_SECONDS = 0.05
# A part that has died this often without a minute of health in between is said to keep dying.
_TOO_OFTEN = 3
_STOP_SECONDS = 15.0
_SLOW_SECONDS = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `up`, shared with the Django command that documents them."""
    parser.add_argument("--port", type=int, default=8000, help="where the pages answer (default: 8000)")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen on (default: 127.0.0.1, this machine only; 0.0.0.0: the local network)",
    )


def main(arguments: Sequence[str]) -> int:
    """Run until told to stop. 0 after Ctrl-C or TERM, 1 with one sentence when it cannot go on."""
    parser = argparse.ArgumentParser(prog="manage.py up", description="Start skinclinic on this machine.")
    add_arguments(parser)
    options = parser.parse_args(arguments)
    try:
        return Supervisor(var_folder(), options.host, options.port).run()
    except Refused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1


class _Stop(Exception):
    """Someone asked for the end."""


class Supervisor:
    """The parts of one `up`, watched from one thread."""

    def __init__(self, var: Path, host: str, port: int) -> None:
        self.var, self.host, self.port = var, host, port
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
        self.address = f"http://{shown}:{port}"
        self.parts: list[Part] = []
        self.trainer: Part | None = None
        self.selector = selectors.DefaultSelector()
        self.stop_asked = False
        self.guard_pipe = -1
        self.guard: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Everything from the first check to the last goodbye."""
        began = time.monotonic()
        os.umask(0o077)  # patients' data: whatever any part writes is for this user alone
        self._listen_to_signals()
        only_one = OnlyOne(self.var, self.address)
        try:
            refusals.free_port(self.host, self.port)
            refusals.some_room(self.var)
            self._start_guard(only_one.fileno())
            try:
                with contextlib.suppress(_Stop):
                    self._start_parts()
                    self._greet(time.monotonic() - began)
                    self._watch()
            finally:
                self._stop_parts()
        finally:
            self._stop_guard()
            only_one.release()
        return 0

    # --- Signals and the guard ------------------------------------------------------------------------

    def _listen_to_signals(self) -> None:
        def ask(*_: object) -> None:
            self.stop_asked = True

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, ask)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        # A signal, the end of a part too, ends the wait for output at once.
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self.selector.register(reading, selectors.EVENT_READ, None)

    def _start_guard(self, lock: int) -> None:
        reading, self.guard_pipe = os.pipe()
        # -S and -E: the guard needs nothing but the standard library, and this keeps it small.
        command = [sys.executable, "-S", "-E", guard.__file__, str(reading)]
        self.guard = subprocess.Popen(  # noqa: S603 - our own file
            command, stdin=subprocess.DEVNULL, pass_fds=(reading, lock), start_new_session=True
        )
        os.close(reading)

    def _tell_guard(self, line: str) -> None:
        os.write(self.guard_pipe, os.fsencode(line + "\n"))

    def _stop_guard(self) -> None:
        if self.guard:
            os.close(self.guard_pipe)
            self.guard.wait()

    # --- Starting -------------------------------------------------------------------------------------

    def _start_parts(self) -> None:
        redis_url = os.environ.get("REDIS_URL", "")
        if not redis_url:
            folder, temporary = parts.socket_folder(self.var)
            if temporary:
                self._tell_guard(f"~{folder}")
            broker = self._start(parts.valkey(self.var, folder))
            self._wait_for([broker])
            redis_url = f"unix://{folder}/valkey.sock"
        with mendable(self.var / "run"):
            (self.var / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
        env = parts.environment(self.var, redis_url, self.host, self.port)
        self._prepare(env)
        self.trainer = parts.trainer(self.var, env)
        others = [
            parts.web(self.var, env, self.host, self.port),
            parts.worker(self.var, env),
            parts.beat(self.var, env),
        ]
        for part in others:
            self._start(part)
        self._wait_for(others)

    def _start(self, part: Part) -> Part:
        if part not in self.parts:
            self.parts.append(part)
        part.start(self.guard_pipe)
        self.selector.register(part.output, selectors.EVENT_READ, part)
        return part

    def _prepare(self, env: dict[str, str]) -> None:
        """Bring the database and the static files up to date, unless the last start left them so."""
        if prepared.is_current(self.var):
            return
        say("Preparing the database and the static files")
        part = parts.prepare(self.var, env)
        part.echo = say
        self._start(part)
        while not part.has_ended():
            self._turn()
            self._look_after(except_for=part)
        self._forget(part)
        self.parts.remove(part)
        if part.process and part.process.returncode:
            raise Refused(f"The database could not be prepared, as the lines above say; they are also in {part.log}.")

    def _wait_for(self, awaited: list[Part]) -> None:
        began = time.monotonic()
        reminded = False
        while not all(part.is_ready for part in awaited):
            self._turn()
            self._look_after()
            for part in awaited:
                if part.deaths >= _TOO_OFTEN:
                    raise Refused(self._last_words(part, f"{part.name} does not start"))
                if not part.is_ready and not part.has_ended():
                    part.is_ready = part.ready()
            if not reminded and time.monotonic() - began > _SLOW_SECONDS:
                reminded = True
                late = ", ".join(part.name for part in awaited if not part.is_ready)
                say(f"Still waiting for {late}; what happens there is in {self.var / 'log'}")

    def _greet(self, seconds: float) -> None:
        say("")
        say(f"skinclinic runs at {self.address} (started in {seconds:.1f} s)")
        if self.host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            for name in parts.own_names(self.host):
                say(f"  from the local network: http://{name}:{self.port}")
        for line in prepared.logins(self.var):
            say(f"  {line}")
        say(f"Logs are in {self.var / 'log'}. Ctrl-C stops everything.")

    # --- Watching -------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Wait a moment for output or a signal, and move the output into the logs."""
        for key, _ in self.selector.select(_TICK_SECONDS if self._is_waiting() else 1.0):
            if isinstance(key.data, Part):
                if not key.data.pump():
                    self.selector.unregister(key.fd)
            else:
                os.read(key.fd, 512)
        if self.stop_asked:
            raise _Stop

    def _is_waiting(self) -> bool:
        return any(not part.is_ready or part.has_ended() for part in self.parts)

    def _watch(self) -> None:
        while True:
            self._turn()
            self._look_after()
            self._start_trainer_if_wanted()
            for part in self.parts:
                if not part.is_ready and part.start_again_at is None:
                    part.is_ready = part.ready()
                    if part.is_ready and part.deaths:
                        say(f"{part.name} answers again")

    def _start_trainer_if_wanted(self) -> None:
        """The training worker runs only while there is work for it: it costs 100 MB, and is seldom needed."""
        wanted = parts.wake_file(self.var)
        if self.trainer and self.trainer not in self.parts and wanted.exists():
            # Taken away first: whoever wants it from now on makes the file anew.
            wanted.unlink(missing_ok=True)
            self._start(self.trainer)

    def _look_after(self, except_for: Part | None = None) -> None:
        """Notice what has died and start it again when its pause is over."""
        if self.guard and self.guard.poll() is not None:
            raise Refused("The guard process was ended from outside; everything was stopped, start again.")
        for part in self.parts:
            if part is except_for or not part.has_ended():
                continue
            if part is self.trainer and part.process and part.process.returncode == 0:
                self._forget(part)
                self.parts.remove(part)
                part.deaths = 0
                return  # the list has changed under the loop
            if part.start_again_at is None:
                self._forget(part)
                pause = part.note_death()
                say(f"{part.name} has ended ({part.how_it_ended()}); it starts again in {pause:g} s")
                if part.deaths == _TOO_OFTEN:
                    say(self._last_words(part, f"{part.name} keeps dying"))
            elif time.monotonic() >= part.start_again_at:
                self._start(part)

    def _forget(self, part: Part) -> None:
        """No more output is awaited from this process, and the guard need not know it."""
        if part.process and part.process.stdout and not part.process.stdout.closed:
            with contextlib.suppress(KeyError):
                self.selector.unregister(part.output)
            part.close()
            self._tell_guard(f"-{part.process.pid}")

    def _last_words(self, part: Part, what: str) -> str:
        lines = "".join(f"\n  | {line}" for line in part.last_lines)
        return f"{what}; the end of {part.log}:{lines}"

    # --- Stopping -------------------------------------------------------------------------------------

    def _stop_parts(self) -> None:
        """First who makes work, then who does it, then what carries it."""
        if any(not part.has_ended() for part in self.parts):
            say("Stopping")
        for names in (("beat", "prepare"), ("web", "worker", "trainer"), ("valkey",)):
            self._stop([part for part in self.parts if part.name in names])

    def _stop(self, leaving: list[Part]) -> None:
        for part in leaving:
            part.ask_to_stop()
        self.stop_asked = False
        until = time.monotonic() + _STOP_SECONDS
        while any(not part.has_ended() for part in leaving) and time.monotonic() < until:
            try:
                self._turn()
            except _Stop:  # asked a second time: at once
                break
        for part in leaving:
            part.end_group()
            self._forget(part)
