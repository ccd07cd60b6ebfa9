"""A training run's row as a report: what it is asked for, and where its progress is written."""

from __future__ import annotations

import importlib.util
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from training.data import snapshots
from training.data.datasets import DataError
from training.data.sources import attribution
from training.fitting.pace import Pace
from training.models import TrainingRun
from training.network.checkpoints import FOLDER
from training.progress import Curve, Report, Stage
from training.recipe import Options, recipe_of
from training.runs import lifecycle, trainer
from training.runs.start import TrainingRefused

log = structlog.get_logger(__name__)

_SECONDS_BETWEEN = 1.0
_MOST_LINES = 200


class Lost(Exception):
    """The run was cancelled, or is another worker's by now."""


def options_of(run: TrainingRun) -> Options:
    """What to train. The first time, the clinic's signed cases are frozen as they are now.

    Raises:
        TrainingRefused: there is nothing to learn from, or this machine lacks what training needs.
    """
    if importlib.util.find_spec("keras") is None:
        raise TrainingRefused(
            "This machine lacks the packages that training needs: install requirements-train.txt where the training "
            "worker runs."
        )
    out = trainer.folder(run)
    if run.clinic and not _goes_on(run, out):
        shutil.rmtree(out / FOLDER, ignore_errors=True)
        try:
            run.snapshot = snapshots.take(run.clinic, include_unconfirmed=run.includes_unconfirmed, by=run.by)
        except DataError as error:
            raise TrainingRefused(str(error)) from error
        if not lifecycle.note(run, snapshot=run.snapshot, curves={}):
            raise Lost
    recipe = recipe_of(run.network, run.quick)
    data = Path(settings.TRAINING_DATA_DIR) if run.uses_folder else None
    return Options(
        data=data,
        name=run.name,
        out=out,
        network=run.network,
        quick=run.quick,
        recipe=replace(recipe, epochs=run.epochs) if run.epochs else recipe,
        snapshot=run.snapshot.id if run.snapshot else None,
        attribution=attribution(data) if data else "",
    )


def _goes_on(run: TrainingRun, out: Path) -> bool:
    """Whether there is something to go on with: then it learns from the snapshot that it began with.

    Where a consent was taken back since, it begins anew.
    """
    if run.snapshot is None or not (out / FOLDER).exists():
        return False
    return not snapshots.withdrawn_patients(run.snapshot).exists()


class RunReport(Report):
    """Writes progress into the row, at most once a second.

    A database that is away for a while costs words on a page and not the run: what was not written is written with the
    next word.

    Raises:
        Lost: at the next word after the run was cancelled or given to another worker.
    """

    def __init__(self, run: TrainingRun) -> None:
        self._run, self._pace, self._written = run, Pace(), 0.0
        self._said: list[str] = []
        self._unwritten: dict[str, Any] = {}
        self._curves: dict[str, dict[str, list[float]]] = dict(run.curves)

    def say(self, text: str) -> None:
        self._said = [*self._said, text][-_MOST_LINES:]
        self._write(said=self._said)

    def plan(self, stages: Sequence[Stage]) -> None:
        self._pace.plan(stages)

    def step(self, stage: str, done: int, total: int, text: str = "") -> None:
        self._pace.step(stage, done, total)
        now = time.monotonic()
        if now - self._written < _SECONDS_BETWEEN:
            return
        self._written = now
        left = self._pace.seconds_left()
        self._write(
            stage=stage,
            done=done,
            total=total,
            percent=min(99, round(100 * self._pace.share())),
            ends_at=None if left is None else timezone.now() + timedelta(seconds=left),
            curves=self._curves,
        )

    def epoch(self, fit: str, number: int, curve: Curve) -> None:
        # Written by the next step that is due: small networks have many epochs a second.
        self._curves[fit] = {name: [round(value, 4) for value in values] for name, values in asdict(curve).items()}

    def _write(self, **fields: Any) -> None:
        self._unwritten |= fields
        try:
            held = lifecycle.note(self._run, **self._unwritten)
        except (OperationalError, InterfaceError):
            log.warning("training_progress_not_written", run=str(self._run.id))
            if not connection.is_usable():
                connection.close()  # the next word opens another one
            return
        if not held:
            raise Lost
        self._unwritten = {}
