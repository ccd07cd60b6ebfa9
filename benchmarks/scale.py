"""One and two workers on 1,000 queued photos: speed, order, memory; and what is loaded in each process.

The photos lie in storage as intake left them; what is measured is claim, read, decode, network and store. Workers are
halted while the queue is filled, the urgent ones last, so that the order in which they finish is the queues' doing.
"""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks import photos
from benchmarks.client import Client
from benchmarks.measuring import figure, ratios, verdict
from benchmarks.options import Options
from benchmarks.service import Service, running

PHOTOS, PREDICTIONS = 1000, 5000
URGENT_SHARE = 0.1
WORKER_MB, WEB_MB = 250, 200
# Memory counts as flat if it grows by no more than this between an early prediction and the last.
FLAT_MB = 10


def run(options: Options) -> dict[str, Any]:
    with running() as service:
        service.connect()
        return measure(service, options)


def measure(service: Service, options: Options) -> dict[str, Any]:
    # Django's models can be imported once the process is connected.
    from benchmarks.clinic import open_desk
    from benchmarks.queue_of_photos import QueueOfPhotos

    number, wanted = (10, 10) if options.quick else (PHOTOS, PREDICTIONS)
    desk = open_desk("Scale")
    queue = QueueOfPhotos(desk, number, round(number * URGENT_SHARE))
    _fill(service, desk.token(), queue.cases_for_uploads, options)
    one: list[float] = []
    two: list[float] = []
    overtaken: list[float] = []
    memory: list[tuple[int, float]] = []
    done = 0
    # The first worker lives through all of it, so that its memory tells of every prediction.
    while done < wanted:
        for speeds, workers in ((one, ["worker1"]), (two, ["worker1", "worker2"])):
            if "worker2" in workers:
                service.start_worker("worker2")
            seconds, late = _round(service, workers, queue)
            speeds.append(number / seconds)
            overtaken.append(late)
            done += number // len(workers)
            memory.append((done, _mb(service.pids("worker1")[0])))
            if "worker2" in workers:
                worker2_mb = _mb(service.pids("worker2")[0])
                service.stop("worker2")
            options.say(
                f"{len(workers)} workers: {speeds[-1]:.1f} a second, worker1 {memory[-1][1]:.0f} MB after {done}"
            )
    workers_mb = [mb for _done, mb in memory] + [worker2_mb]
    web_mb = [_mb(pid) for pid in service.pids("web")]
    strangers = [name for name in ("web", "worker1") for pid in service.pids(name) if _has_tensorflow(pid)]
    return {
        "figures": [
            figure("one worker", one, "predictions a second"),
            figure("two workers", two, "predictions a second"),
            figure("a worker's memory after the first round", [memory[0][1]], "MB"),
            figure(f"  after {memory[-1][0]:,} predictions", [memory[-1][1]], "MB"),
            figure("the largest web process, after uploads of 12 megapixels", [max(web_mb)], "MB"),
        ],
        "verdicts": [
            verdict("two workers / one worker", ratios(two, one), at_least=1.7),
            verdict(
                "routine photos before the last urgent one, a round",
                overtaken,
                at_most=2,
                unit="photos",
                statistic=_most,
            ),
            verdict("a worker's memory grows by", [memory[-1][1] - memory[0][1]], at_most=FLAT_MB, unit="MB"),
            verdict("the largest worker", [max(workers_mb)], at_most=WORKER_MB, unit="MB"),
            verdict("the largest web process", [max(web_mb)], at_most=WEB_MB, unit="MB"),
            verdict("processes with TensorFlow", [float(len(strangers))], at_most=0, unit="processes"),
        ],
        "memory_mb": memory,
        "rounds_a_second": {"one": one, "two": two},
    }


def _most(samples: Any) -> Any:
    return samples.max(axis=-1)


def _round(service: Service, workers: list[str], queue: Any) -> tuple[float, float]:
    """Seconds for the whole queue, and how many routine photos were done before the last urgent one."""
    processes = [service.pids(name)[0] for name in workers]

    def send(signal_number: int) -> None:
        for pid in processes:
            os.kill(pid, signal_number)

    try:
        queue.fill(halt=partial(send, signal.SIGSTOP))
    finally:
        began = time.time()
        send(signal.SIGCONT)
    urgent, routine = queue.finished()
    return max(*urgent, *routine) - began, float(sum(moment < max(urgent) for moment in routine))


def _fill(service: Service, token: str, cases: list[UUID], options: Options) -> None:
    """What web processes do all day, so that their memory is that of processes that have worked."""
    shot = photos.drawn(*photos.SMALL if options.quick else photos.LARGE)
    with ThreadPoolExecutor(4) as clients:

        def send(place: int) -> None:
            with Client(service.url, token) as client:
                client.post_photo(cases[place], photos.unlike(shot, place))

        list(clients.map(send, range(len(cases))))


def _mb(pid: int) -> float:
    """Resident memory, shared pages included."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


def _has_tensorflow(pid: int) -> bool:
    return "tensorflow" in Path(f"/proc/{pid}/maps").read_text()
