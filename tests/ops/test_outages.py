"""The parts around the queue while what they stand on fails: the cache's server, the system clock."""

import time
from datetime import timedelta

import pytest
from celery import Celery

from skinclinic.beat import EvenScheduler
from skinclinic.cache import ForgetfulCache
from tests.ops.running import free_port


def test_a_cache_that_is_down_is_an_empty_one() -> None:
    cache = ForgetfulCache(f"redis://127.0.0.1:{free_port()}/0", {})
    cache.set("seen", 1)
    assert cache.get("seen") is None
    assert cache.get("seen", "default") == "default"
    assert cache.add("seen", 1) is False
    assert (cache.get_many(["seen"]), cache.set_many({"seen": 1}), cache.has_key("seen")) == ({}, [], False)
    assert (cache.delete("seen"), cache.touch("seen")) == (False, False)
    with pytest.raises(ValueError, match="nothing is counted"):
        cache.incr("seen")


class _Clocks:
    """Both of a machine: the even one, and the time of day that people set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.even, self.day = 100.0, time.time()
        monkeypatch.setattr("skinclinic.beat.time.monotonic", lambda: self.even)
        monkeypatch.setattr("time.time", lambda: self.day)

    def pass_by(self, seconds: float) -> None:
        self.even += seconds
        self.day += seconds


def test_sweeps_come_evenly_whatever_happens_to_the_time_of_day(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = _Clocks(monkeypatch)
    app = Celery("even", broker="memory://", set_as_current=False)
    app.conf.beat_schedule = {
        "often": {"task": "often", "schedule": 15.0},
        "seldom": {"task": "seldom", "schedule": timedelta(minutes=1)},
    }
    scheduler = EvenScheduler(app)
    sent: list[str] = []
    monkeypatch.setattr(scheduler, "apply_entry", lambda entry, producer=None: sent.append(entry.name))
    monkeypatch.setattr(EvenScheduler, "producer", None)

    assert scheduler.tick() == pytest.approx(15)
    assert sorted(sent) == ["often", "seldom"]
    assert scheduler.tick() == pytest.approx(15)
    for jump in (0, -3600, 3600, 0):
        clocks.day += jump
        clocks.pass_by(15)
        scheduler.tick()
    # Which of two that are due at the same moment comes first does not matter.
    assert sent[2:5] == ["often"] * 3
    assert sorted(sent[5:]) == ["often", "seldom"]
