"""A worker that is told to leaves when it has nothing to do, and not while it works."""

import os
import signal
import threading
import time

import pytest

from skinclinic import celery
from tests.ops.running import wait_for


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The signals that the worker has sent itself."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(celery.os, "kill", lambda pid, number: sent.append((pid, number)))
    return sent


def test_it_leaves_when_idle_and_not_while_it_works(monkeypatch: pytest.MonkeyPatch, left: list) -> None:
    monkeypatch.setenv("EXIT_WHEN_IDLE", "0.5")
    monkeypatch.setattr(celery, "task_prerun", begins := _Signal())
    monkeypatch.setattr(celery, "task_postrun", ends := _Signal())
    celery.leave_when_idle()
    begins.send()
    time.sleep(0.8)
    assert left == []
    ends.send()
    wait_for(lambda: left == [(os.getpid(), signal.SIGTERM)], 5, "it leaves")


def test_without_being_told_it_stays(left: list) -> None:
    before = threading.active_count()
    celery.leave_when_idle()
    assert threading.active_count() == before


class _Signal:
    """Stands for one of Celery's, so that no other test's worker hears of it."""

    def connect(self, listener, weak: bool) -> None:
        self.send = listener
