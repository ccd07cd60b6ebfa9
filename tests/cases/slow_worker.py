"""A real Celery worker whose first computation takes very long, for tests that kill it there.

Started as `celery -A tests.cases.slow_worker worker`. The worker that computes first writes its process id to the
file FIRST_COMPUTES and hangs; every computation adds a line to the file COMPUTED.
"""

import os
import time
from contextlib import nullcontext
from pathlib import Path

import django

from skinclinic.celery import app

__all__ = ["app"]

django.setup()

# Models can be imported only now.
from cases.jobs import watchdog  # noqa: E402
from inference import registry  # noqa: E402
from tests.cases.models import FakeEngine  # noqa: E402


def compute() -> None:
    with Path(os.environ["COMPUTED"]).open("a") as log:
        log.write(f"{os.getpid()}\n")
    try:
        with Path(os.environ["FIRST_COMPUTES"]).open("x") as first:
            first.write(f"{os.getpid()}\n")
    except FileExistsError:
        return
    time.sleep(600)


# It is the test that ends it.
watchdog.ends_this_process = lambda after: nullcontext()
registry.engine = lambda version: FakeEngine(during=compute)
