"""Carrying a training run out: a process of its own that loads TensorFlow, trains and ends, and one who watches it.

The celery worker is the one who watches: it keeps the lease, hears of a cancellation or of its own shutdown within a
second, and writes down how the process ended. So TensorFlow never stays in memory, and whatever kills the training
(the memory's end, too) kills no worker.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import structlog
from celery.worker import state as celery_worker
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from django.utils.translation import gettext as _

from training.models import RunState, TrainingRun
from training.network.checkpoints import FOLDER
from training.runs import lifecycle

log = structlog.get_logger(__name__)

NICENESS = 10
_TICK_SECONDS = 0.5
_RENEW_SECONDS = 1.0
_PATIENCE_SECONDS = 5.0
_KEPT_FOR = timedelta(days=7)
_TAIL = 4000  # bytes at the end of the log that are looked at


def folder(run: TrainingRun) -> Path:
    """Where a run keeps what it needs, and its bundle."""
    return settings.VAR / "training" / run.name


def work(run_id: UUID) -> bool:
    """Claims a run and sees it through; False if there was nothing to do, or it was handed back."""
    run = lifecycle.claim(run_id)
    if run is None:
        return False
    _clear_leftovers()
    folder(run).mkdir(parents=True, exist_ok=True)
    path = folder(run) / "train.log"
    with path.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "manage.py", "train_run", str(run.id), str(run.claim_token)],
            cwd=settings.BASE_DIR,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    # Before it has a second thread, so that all of them step back: patients' predictions come first.
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, process.pid, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
    try:
        return _watch(run, process, path)
    finally:
        _end(process)


def _clear_leftovers() -> None:
    """What failed and cancelled runs have left to go on with is gigabytes: after a week nobody will."""
    long_ago = timezone.now() - _KEPT_FOR
    for run in TrainingRun.objects.filter(state__in=[RunState.FAILED, RunState.CANCELLED], finished_at__lt=long_ago):
        shutil.rmtree(folder(run) / FOLDER, ignore_errors=True)


def environment() -> dict[str, str]:
    """Of the process that trains."""
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}


def _watch(run: TrainingRun, process: subprocess.Popen[bytes], path: Path) -> bool:
    renew_at, held_until = 0.0, time.monotonic() + lifecycle.LEASE.total_seconds()
    while process.poll() is None:
        if _shuts_down():
            _end(process)
            lifecycle.hand_back(run, counts=False)
            return False
        now = time.monotonic()
        if now >= renew_at:
            renew_at = now + _RENEW_SECONDS
            try:
                state = lifecycle.renew(run)
                if state is None:
                    return False
                if state == RunState.CANCELLING:
                    _end(process)
                    return lifecycle.finish(run, RunState.CANCELLED)
                held_until = now + lifecycle.LEASE.total_seconds()
                _say_what_is_fetched(run, path)
            except (OperationalError, InterfaceError):
                # A database that is away for a moment ends no training; after the lease the run may be another's.
                if now >= held_until:
                    raise
                log.warning("training_lease_not_renewed", run=str(run.id))
                if not connection.is_usable():
                    connection.close()  # the next try opens another one
        try:
            process.wait(_TICK_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    return _ended(run, process.returncode, path)


def _ended(run: TrainingRun, code: int, path: Path) -> bool:
    state = lifecycle.renew(run)
    if state is None:
        return True  # the process has written down its own end
    if state == RunState.CANCELLING:
        return lifecycle.finish(run, RunState.CANCELLED)
    if code < 0:
        log.warning("training_was_killed", run=str(run.id), signal=-code)
        return lifecycle.hand_back(run, counts=True)
    log.error("training_broke_off", run=str(run.id), code=code, log=str(path))
    return lifecycle.finish(run, RunState.FAILED, reason=_reason(path)[:500])


def _shuts_down() -> bool:
    """Whether this worker was told to stop."""
    asked = (celery_worker.should_stop, celery_worker.should_terminate)
    return any(each is not None and each is not False for each in asked)  # 0 is the exit code of a plain "stop"


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _lines(path: Path) -> list[str]:
    """The end of the log."""
    with path.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL))
        text = stream.read().decode(errors="replace")
    return [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def _say_what_is_fetched(run: TrainingRun, path: Path) -> None:
    """Before it trains for the first time, `manage.py` may have packages to install, which takes minutes."""
    lines = _lines(path)
    if lines and lines[-1].startswith(("Packages of", "Another start is installing")):
        lifecycle.note(run, stage=lines[-1][:200])


def _reason(path: Path) -> str:
    """The last line, where it is a sentence for people."""
    lines = _lines(path)
    if not lines or any(line.startswith("Traceback") for line in lines):
        return _("The training broke off by an error of the program. Its log on the server: %(path)s") % {"path": path}
    return lines[-1].removeprefix("CommandError: ")
