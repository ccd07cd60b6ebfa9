"""`train_run ID TOKEN`: the process that trains what was asked for on a page (training/runs/trainer.py starts it)."""

import os
import sys
import threading
import time
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from training.models import RunState, TrainingRun
from training.runs import lifecycle, start
from training.runs.report import Lost, RunReport, options_of


class Command(BaseCommand):
    help = "Carry out a training run that was asked for on a page; started by the training worker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", type=UUID)
        parser.add_argument("token", type=UUID, help="the claim of the worker that starts it")

    def handle(self, *args, run: UUID, token: UUID, **options) -> None:
        claimed = TrainingRun.objects.filter(id=run, claim_token=token).first()
        if claimed is None:
            raise CommandError("This run is no longer this worker's.")
        _end_with(os.getppid())
        report = RunReport(claimed)
        try:
            bundle = start.train(options_of(claimed), report)
            version = start.candidate(bundle)
        except start.TrainingRefused as refusal:
            lifecycle.finish(claimed, RunState.FAILED, reason=str(refusal)[:500])
            return
        except Lost:
            sys.exit(1)
        lifecycle.finish(claimed, RunState.DONE, model_version=version, percent=100, stage="")


def _end_with(parent: int) -> None:
    """Ends this process with the one that watches it: another worker goes on with the run."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
