"""What `chaos` adds to the product's processes once Django has its models."""

import os
import signal
import time
from datetime import timedelta
from typing import Any

from django.apps import AppConfig
from PIL import Image, ImageFile

from benchmarks.faults import told

CRASHES, HANGS = b"POISON-CRASHES", b"POISON-HANGS"
_held_once = False


class FaultsConfig(AppConfig):
    name = "benchmarks.faults"

    def ready(self) -> None:
        from cases.prediction import queue
        from inference import registry

        queue.RESEND_AFTER = timedelta(seconds=3)
        load = registry.engine
        # Not an engine, but all of one that is asked for.
        registry.engine = lambda version: _Watched(load(version))  # type: ignore
        Image.register_open("POISON", _Poison, lambda prefix: prefix.startswith(b"POISON"))


class _Watched:
    """An engine that tells when it computes, and waits in the middle of it while told to hold."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def classify(self, *arguments: Any) -> Any:
        global _held_once
        told.note_computing()
        while told.is_held() and not _held_once:
            time.sleep(0.02)
        _held_once = True
        return self._engine.classify(*arguments)


class _Poison(ImageFile.ImageFile):
    """A file whose decoder takes its process along, as a fault in a native decoder does."""

    format = "POISON"

    def _open(self) -> None:
        self._size, self._mode = (600, 450), "RGB"
        self.hangs = self.fp is not None and self.fp.read(len(HANGS)) == HANGS

    def load(self) -> Any:
        if self.hangs:
            time.sleep(3600)
        os.kill(os.getpid(), signal.SIGSEGV)
