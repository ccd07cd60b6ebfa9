"""What pages show of a training run: how far it is, its learning curves, what it learns from."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cases.reading.labels import LabelSource
from training import queue
from training.models import RunState, TrainingRun
from training.pages.model import Table, number
from training.runs import lifecycle

_WIDTH, _HEIGHT, _PAD = 320, 120, 6


@dataclass(frozen=True)
class Line:
    """One learning curve as the points of an SVG polyline; `held` where it is of held-out photos."""

    points: str
    held: bool


@dataclass(frozen=True)
class Drawing:
    lines: list[Line]
    low: str
    high: str
    epochs: int
    width: int = _WIDTH
    height: int = _HEIGHT


def context(run: TrainingRun) -> dict[str, Any]:
    """All that templates/training/runs/_run.html shows beside the row itself."""
    return {
        "time_left": time_left(run),
        "ahead": lifecycle.ahead_of(run) if run.state == RunState.QUEUED else 0,
        "drawing": drawn(run),
        "fits": fits(run),
        "sources": sources(run),
        "said": "\n".join(run.said),
    }


def packages_are_missing() -> bool:
    """Whether the first training on this machine has packages to fetch; only where `up` runs everything on one."""
    return queue.WAKE_FILE in os.environ and importlib.util.find_spec("keras") is None


def time_left(run: TrainingRun) -> str:
    """ "about 6 minutes left"; empty where nothing is known."""
    if run.state != RunState.RUNNING or run.ends_at is None:
        return ""
    seconds = (run.ends_at - timezone.now()).total_seconds()
    if seconds < 50:
        return _("less than a minute left")
    minutes = max(1, round(seconds / 60))
    return ngettext("about %(n)s minute left", "about %(n)s minutes left", minutes) % {"n": minutes}


def fits(run: TrainingRun) -> Table | None:
    """The newest figures of each fit."""
    if not run.curves:
        return None
    return Table(
        head=[_("Fit"), _("Epoch"), _("Loss"), _("Held-out loss"), _("Held-out balanced accuracy")],
        rows=[
            [
                _fit_name(name),
                str(len(curve["loss"])),
                *(number(values[-1] if values else None) for values in (
                    curve["loss"], curve["held_loss"], curve["held_balanced_accuracy"]
                )),
            ]
            for name, curve in run.curves.items()
        ],
    )  # fmt: skip


def _fit_name(name: str) -> str:
    """The program's own names of its fits, in the reader's words."""
    words = name.split()
    if words[:1] == ["Fold"]:
        return _("Fold %(number)s of %(all)s") % {"number": words[1], "all": words[3].rstrip(",")}
    return _("All photos")


def drawn(run: TrainingRun) -> Drawing | None:
    """The learning curves: losses by epoch, of learnt photos and of held-out ones."""
    curves = [(curve["loss"], False) for curve in run.curves.values()]
    curves += [(curve["held_loss"], True) for curve in run.curves.values()]
    values = [value for curve, _held in curves for value in curve]
    epochs = max((len(curve) for curve, _held in curves), default=0)
    if epochs < 2:
        return None
    low, high = min(values), max(values)
    spread = max(high - low, 1e-6)

    def points(curve: list[float]) -> str:
        across, down = (_WIDTH - 2 * _PAD) / (epochs - 1), (_HEIGHT - 2 * _PAD) / spread
        return " ".join(f"{_PAD + i * across:.1f},{_PAD + (high - y) * down:.1f}" for i, y in enumerate(curve))

    lines = [Line(points(curve), held) for curve, held in curves if len(curve) > 1]
    return Drawing(lines, number(low), number(high), epochs)


def sources(run: TrainingRun) -> list[tuple[str, str]]:
    """(whose word, photos) of the snapshot, and what was left out."""
    if run.snapshot is None:
        return []
    counted, left_out = run.snapshot.counts["sources"], run.snapshot.counts["left_out"]
    said = [(str(source.label), str(counted[source])) for source in LabelSource if source in counted]
    if left_out:
        said.append((_("Left out"), str(sum(left_out.values()))))
    return said
