"""How a training run tells what it is doing."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TextIO

import numpy as np

WIDTH = 28
QUIET_SECONDS = 10.0  # how often a log file, where a bar cannot move, gets a line


@dataclass
class Curve:
    """Per epoch: training loss, held-out loss and held-out balanced accuracy (empty without held-out photos)."""

    loss: list[float] = field(default_factory=list)
    held_loss: list[float] = field(default_factory=list)
    held_balanced_accuracy: list[float] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        return int(np.argmin(self.held_loss)) + 1 if self.held_loss else len(self.loss)


@dataclass(frozen=True)
class Stage:
    """A part of a run that is to come: so many units of work, each of about so many seconds."""

    name: str
    units: int
    seconds: float


class Report:
    """Says nothing; the base for those who do."""

    def say(self, text: str) -> None:
        """A sentence or a table that stays."""

    def step(self, stage: str, done: int, total: int, text: str = "") -> None:
        """How far a stage has come; the last call has done == total."""

    def plan(self, stages: Sequence[Stage]) -> None:
        """The stages that are to come, in order, as soon as they are known."""

    def epoch(self, fit: str, number: int, curve: Curve) -> None:
        """A fit has gone through its photos once more."""


class ConsoleReport(Report):
    """A bar on a terminal, now and then a line in a log."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._moves = self._stream.isatty()
        self._stage, self._since, self._shown = "", 0.0, 0.0

    def say(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()

    def step(self, stage: str, done: int, total: int, text: str = "") -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._since, self._shown = stage, now, now if not self._moves else 0.0
        finished = done >= total
        if not finished and now - self._shown < (0.1 if self._moves else QUIET_SECONDS):
            return
        self._shown = now
        elapsed = now - self._since
        clock = f"{elapsed:.0f} s" if finished else f"{elapsed * (total - done) / max(done, 1):.0f} s left"
        filled = round(WIDTH * done / max(total, 1))
        bar = f"{stage:<24} [{'=' * filled}{' ' * (WIDTH - filled)}] {done}/{total}  {clock}  {text}"
        self._stream.write((f"\r\x1b[K{bar}" if self._moves else bar) + ("\n" if finished or not self._moves else ""))
        self._stream.flush()
