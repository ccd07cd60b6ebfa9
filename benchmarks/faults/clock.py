"""The machine's time of day is wrong, and set right in mid-work."""

from benchmarks.faults import told
from benchmarks.faults.ground import Ground

_HOUR = 3600.0


def set_back(ground: Ground) -> None:
    """The clock is an hour ahead while photos come and two workers die; then it is set back, and messages are gone."""
    told.set_clock(_HOUR)
    seen = len(told.computing())
    ground.halt()
    told.hold()
    ground.send(ground.few(10, 3))
    ground.go_on()
    ground.until(lambda: len(told.computing()) > seen, "a worker computes")
    # Its lease ends an hour from now.
    if name := ground.worker_of(told.computing()[seen]):
        ground.service.kill(name)
    told.set_clock(0)
    told.let_go()
    with ground.broker() as server:
        server.flushdb()
    ground.send(2)


def set_forward(ground: Ground) -> None:
    """The clock jumps an hour ahead with photos in the queue and one in a worker's hands, and back later."""
    ground.halt()
    ground.send(ground.few(10, 3))
    ground.go_on()
    told.set_clock(_HOUR)
    ground.send(2)
    told.set_clock(0)
