"""How a training run tells what it is doing."""

from __future__ import annotations

import sys
import time
from typing import TextIO

WIDTH = 28
QUIET_SECONDS = 10.0  # how often a log file, where a bar cannot move, gets a line


class Report:
    """Says nothing; the base for those who do."""

    def say(self, text: str) -> None:
        """A sentence or a table that stays."""

    def step(self, stage: str, done: int, total: int, text: str = "") -> None:
        """How far a stage has come; the last call has done == total."""


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
