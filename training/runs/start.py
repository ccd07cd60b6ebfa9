"""A whole training run, from what was asked for to a registered candidate: for the command and for the pages' runs."""

from __future__ import annotations

import shutil

from django.db import DatabaseError

from inference.bundle import Bundle, BundleError
from inference.models import ModelVersion
from inference.registry import RegistryError
from training.data import snapshots
from training.data.datasets import DataError
from training.data.sources import checked_data
from training.models import Snapshot
from training.network.checkpoints import FOLDER
from training.network.weights import WeightsError
from training.progress import Report
from training.recipe import Options
from training.runs.versions import register


class TrainingRefused(Exception):
    """The run cannot be carried out; one sentence says why."""


def train(options: Options, report: Report) -> Bundle:
    """Trains, or goes on with an unfinished run, and returns the bundle.

    Raises:
        TrainingRefused: the data, the options or the export do not allow it.
    """
    left = options.out / FOLDER
    if left.exists() and options.bundle.exists():
        # Killed between the last two steps: all is done but the clearing up.
        shutil.rmtree(left)
        return _loaded(options)
    try:
        dataset, classes = checked_data(options, report)
    except snapshots.ConsentWithdrawn as error:
        # What was computed from that patient's photos lies there: nobody may go on with it.
        shutil.rmtree(left, ignore_errors=True)
        raise TrainingRefused(str(error)) from error
    except (DataError, BundleError) as error:
        raise TrainingRefused(str(error)) from error
    # TensorFlow and Keras load only here, in the process that trains; never in one that serves.
    from training.fitting.export import ExportError
    from training.fitting.train import run

    try:
        return run(options, dataset, classes, report)
    except (DataError, BundleError, ExportError, WeightsError) as error:
        raise TrainingRefused(str(error)) from error


def _loaded(options: Options) -> Bundle:
    try:
        return Bundle.load(options.bundle)
    except BundleError as error:
        raise TrainingRefused(str(error)) from error


def candidate(bundle: Bundle) -> ModelVersion | None:
    """The registered version of a trained bundle; None where the database has no tables yet.

    A bundle that rests on a consent which was taken back while it was made is removed, with all that it was made of.

    Raises:
        TrainingRefused: another model has that name, or a consent was taken back meanwhile.
    """
    try:
        if withdrawn := _withdrawn_meanwhile(bundle):
            shutil.rmtree(bundle.path)
            shutil.rmtree(bundle.path.parent / FOLDER, ignore_errors=True)
            raise TrainingRefused(
                f"{withdrawn} patients took back their consent to training use while the model was trained on their "
                "photos, so it was not kept. Start a new training: it will learn without them."
            )
        return register(bundle.path)
    except (RegistryError, BundleError) as error:
        raise TrainingRefused(f"The model is in {bundle.path} but was not registered: {error}") from error
    except DatabaseError:
        return None


def _withdrawn_meanwhile(bundle: Bundle) -> int:
    """How many patients of the snapshot that a bundle was made from do not consent any more."""
    facts = bundle.spec.get("training", {}).get("snapshot")
    snapshot = Snapshot.objects.filter(id=facts["id"]).first() if facts else None
    return snapshots.withdrawn_patients(snapshot).count() if snapshot else 0
