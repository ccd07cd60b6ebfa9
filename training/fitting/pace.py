"""How long a training run will still take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from training.progress import Stage
from training.recipe import Options

# Seconds for one photo on one of two slow cores; what is measured on the way corrects them.
_DECODE, _MEASURE = 0.015, 0.03
_FEATURES = {"lite2": 0.03, "lite0": 0.012, "student": 0.0005}
_EPOCH = {"lite2": 0.03, "lite0": 0.012, "student": 0.002}
_HEAD_EPOCH, _START, _EXPORT = 0.0005, 8.0, 25.0


def stages(options: Options, photos: int, held_out: int) -> list[Stage]:
    """The stages of a run that learns from so many photos and is then measured on others."""
    recipe = options.recipe
    epoch = photos * (_HEAD_EPOCH if options.quick else _EPOCH.get(options.network, _EPOCH["lite2"]))
    names = [f"Fold {fold + 1} of {options.folds}" for fold in range(options.folds)] + [FINAL_FIT]
    fits = [f"{name}, fit {fit + 1}" if recipe.fits > 1 else name for name in names for fit in range(recipe.fits)]
    return [
        Stage("Decoding", photos, _DECODE),
        Stage("Features", photos * recipe.views, _FEATURES.get(options.network, _FEATURES["lite2"])),
        *(Stage(fit, recipe.epochs, epoch) for fit in fits),
        Stage("Exporting", 1, _EXPORT),
        Stage("Measuring", held_out, 2 * _MEASURE),
    ]


FINAL_FIT = "All training photos"


class Pace:
    """Seconds that are left, from what was guessed and what was measured so far."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began = clock, clock()
        self._stages: list[Stage] = []
        self._stage, self._done, self._total = "", 0, 0
        self._spent: dict[str, tuple[float, float]] = {}  # stage: seconds, share of it that they were for
        self._since, self._at_start = self._began, 0.0

    def plan(self, stages: Sequence[Stage]) -> None:
        self._stages = list(stages)

    def step(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            # What an earlier, broken-off run has done takes no time, and says nothing of the pace.
            self._stage, self._since, self._at_start = stage, self._clock(), (done - 1) / max(total, 1)
        self._done, self._total = done, total
        share = self._share - self._at_start
        self._spent[stage] = (self._clock() - self._since, max(share, 0.0))

    @property
    def _share(self) -> float:
        return min(self._done / max(self._total, 1), 1.0)

    def seconds_left(self) -> float | None:
        """None while nothing is known."""
        places = [place for place, stage in enumerate(self._stages) if stage.name == self._stage]
        if not places:
            return None
        here = self._stages[places[0]]
        left = self._cost(here) * (1 - self._share)
        return left + sum(self._cost(stage) for stage in self._stages[places[0] + 1 :])

    def share(self) -> float:
        """How much of the whole run is done, 0-1, by time."""
        left = self.seconds_left()
        if left is None:
            return 0.0
        spent = self._clock() - self._began
        return spent / max(spent + left, 1e-9)

    def _cost(self, stage: Stage) -> float:
        """Seconds for the whole stage: as the same kind of stage took before, else as guessed, corrected."""
        same = [self._spent[each.name] for each in self._stages if self._is_like(each, stage)]
        share = sum(part for _seconds, part in same)
        if share > 0.02:
            return sum(seconds for seconds, _part in same) / share
        guessed = sum(
            each.units * each.seconds * self._spent[each.name][1] for each in self._stages if each.name in self._spent
        )
        measured = sum(seconds for seconds, _part in self._spent.values())
        pace = min(max(measured / guessed, 0.3), 5.0) if guessed > 1 else 1.0
        return stage.units * stage.seconds * pace

    def _is_like(self, one: Stage, other: Stage) -> bool:
        return one.name in self._spent and (one.units, one.seconds) == (other.units, other.seconds)
