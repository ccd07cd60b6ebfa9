"""The broker is gone, forgets, or says things twice and in another order."""

import random
import signal
from collections.abc import Callable
from functools import partial

from benchmarks.faults.ground import Ground, NotPossible
from skinclinic.up import parts

# What a person waits for a photo to be taken while the broker is away.
MOST_SECONDS = 15.0


def stopped(ground: Ground) -> None:
    """The broker is killed; photos are sent while it is away; it comes back empty."""
    stop, start = _switches(ground)
    ground.send(2)
    stop()
    try:
        ground.slowest = 0.0
        ground.send(ground.few(6, 2))
    finally:
        start()
    if set(ground.answers) != {"201"} or ground.slowest > MOST_SECONDS:
        raise RuntimeError(f"Without a broker: {dict(ground.answers)}, the slowest after {ground.slowest:.1f} s")


def restarted(ground: Ground) -> None:
    """The broker is restarted again and again while photos arrive and are computed."""
    stop, start = _switches(ground)
    for _ in range(ground.few(4, 1)):
        sending = ground.sending(ground.few(8, 3))
        stop()
        start()
        for _id, future in sending:
            future.result()


def flushed(ground: Ground) -> None:
    """All that the broker holds is wiped, with photos in the queues and one in a worker's hands."""
    for _ in range(ground.few(3, 1)):
        ground.halt()
        ground.send(ground.few(8, 3))
        with ground.broker() as server:
            server.flushdb()
        ground.go_on()


def duplicated_and_reordered(ground: Ground) -> None:
    """Every message comes three times, in any order."""
    ground.halt()
    ground.send(ground.few(30, 5))
    chance = random.Random(7)
    with ground.broker() as server:
        messages = server.lrange("routine", 0, -1) * 3
        chance.shuffle(messages)
        server.delete("routine")
        server.rpush("routine", *messages)
    ground.go_on()


def _switches(ground: Ground) -> tuple[Callable[[], object], Callable[[], object]]:
    """How to end the broker at once, and how to start it again."""
    if server := ground.redis:
        return partial(server.stop, signal.SIGKILL), server.start
    if "valkey" not in ground.service.parts:
        raise NotPossible("the broker at REDIS_URL is not ours to stop, and no redis-server is installed")
    part = ground.service.parts["valkey"]
    socket = part.command[part.command.index("--unixsocket") + 1]
    folder = part.log.parent.parent / "run"
    again = parts.valkey(ground.service.var, folder)
    again.command = part.command
    assert socket in again.command
    return partial(ground.service.kill, "valkey"), partial(ground.service.start, again)
