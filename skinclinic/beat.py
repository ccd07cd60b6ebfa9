"""The clock behind the sweeps. It runs even: a system clock that is set back or forward delays nothing."""

import time
from typing import Any

from celery.beat import ScheduleEntry, Scheduler

# What comes once a day comes for the first time an hour after the start. It can wait, and whoever restores a backup or
# mends a setting in between has not had a daily job run on half of it. Not a day: there may be a restart every night.
DAY = 24 * 3600.0
FIRST_DAILY_AFTER = 3600.0


class EvenScheduler(Scheduler):
    """Sends what CELERY_BEAT_SCHEDULE names at its intervals, counted by the monotonic clock, and all but daily jobs
    also at its own start.

    Celery's own scheduler goes by the time of day: set back by an hour, it would send nothing for an hour, and nothing
    would bring back what lost its message meanwhile. It keeps no file, for sweeps may well come twice after a restart.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._due: dict[str, float] = {}

    def install_default_entries(self, data: Any) -> None:
        """None: Celery's own would clear up results, and none are kept."""

    def tick(self, *_: Any, **__: Any) -> float:
        """Sends what is due; returns the seconds until the next is."""
        for name, entry in self.schedule.items():
            now = time.monotonic()
            if self._due.setdefault(name, now + _first_wait(entry)) <= now:
                self.apply_entry(entry, producer=self.producer)
                self._due[name] = now + _seconds(entry)
        return max(0.0, min(self._due.values(), default=self.max_interval) - time.monotonic())


def _first_wait(entry: ScheduleEntry) -> float:
    return FIRST_DAILY_AFTER if _seconds(entry) >= DAY else 0.0


def _seconds(entry: ScheduleEntry) -> float:
    return float(entry.schedule.run_every.total_seconds())
