"""Workers that die, hang, stand still or want the same photo."""

import os
import signal
from functools import partial
from uuid import UUID

from benchmarks.faults import told
from benchmarks.faults.apps import CRASHES, HANGS
from benchmarks.faults.ground import WORKERS, Ground

_MANY = (*WORKERS, "worker3", "worker4")


def killed_in_mid_prediction(ground: Ground) -> None:
    """Worker after worker is killed with -9 while it computes, each time with another photo in its hands."""
    wanted, killed, seen = ground.few(50, 3), 0, len(told.computing())
    told.hold()
    ground.halt()
    # More photos than kills: a photo must not lose three workers by chance.
    ground.send(wanted + ground.few(10, 3))
    ground.go_on()
    while killed < wanted:
        ground.tend(_MANY[: ground.few(4, 2)])
        ground.until(partial(_computes_or_ended, ground, seen), "a worker computes")
        for pid in told.computing()[seen:]:
            seen += 1
            if (name := ground.worker_of(pid)) and killed < wanted:
                ground.service.kill(name)
                killed += 1
    told.let_go()
    for name in _MANY[len(WORKERS) :]:
        ground.service.stop(name)


def claims_at_once(ground: Ground) -> None:
    """Two workers find every photo in their queue at the same time."""
    ground.halt()
    ground.send(ground.few(40, 6))
    with ground.broker() as server:
        for message in server.lrange("routine", 0, -1):
            # Beside its twin, so that both workers take it at once.
            server.linsert("routine", "BEFORE", message, message)
    ground.go_on()


def lease_expires_at_work(ground: Ground) -> None:
    """A worker stands still in mid-prediction for longer than its lease, and goes on when another has done it."""
    seen = len(told.computing())
    ground.halt()
    told.hold()
    ground.send(ground.few(6, 2))
    ground.go_on()
    ground.until(lambda: len(told.computing()) > seen, "a worker computes")
    sleeper = told.computing()[seen]
    os.kill(sleeper, signal.SIGSTOP)
    told.let_go()
    pending = ground.predictions().filter(state__in=("queued", "running"))

    def the_others_have_done_it() -> bool:
        ground.tend()
        return not pending.exists()

    try:
        ground.until(the_others_have_done_it, "the others do what the sleeper had")
    finally:
        os.kill(sleeper, signal.SIGCONT)


def decoder_crashes(ground: Ground) -> None:
    """A photo whose decoder takes its worker along, every time; others are sent before and after."""
    _poisoned(ground, CRASHES)


def decoder_hangs(ground: Ground) -> None:
    """A photo whose decoder never comes back."""
    _poisoned(ground, HANGS)


def _poisoned(ground: Ground, poison: bytes) -> None:
    from cases.models import LesionImage

    others = ground.few(10, 3)
    ground.halt()
    ground.send(others)
    (bad,) = ground.send(1)
    image = LesionImage.objects.get(id=bad)
    with image.derivative.storage.open(str(image.derivative.name), "wb") as file:
        file.write(poison)
    ground.may_fail.add(bad)
    ground.send(others)
    ground.go_on()
    _hold_that_others_go_on(ground, bad)


def _hold_that_others_go_on(ground: Ground, bad: UUID) -> None:
    """The photo fails alone, and the others do not wait for its third attempt."""
    ours = ground.predictions()

    def the_others_are_done() -> bool:
        ground.tend()
        return ours.exclude(image=bad).filter(state="done").count() == len(ground.sent) - 1

    ground.until(the_others_are_done, "the other photos are done")

    def it_has_failed() -> bool:
        ground.tend()
        return ours.filter(image=bad, state="failed", attempts=3).exists()

    ground.until(it_has_failed, "the poison has failed after three attempts")


def _computes_or_ended(ground: Ground, seen: int) -> bool:
    return len(told.computing()) > seen or any(part.has_ended() for part in ground.service.parts.values())
