"""`train --data DIR`: from a folder of photos to a registered candidate."""

import re
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from inference import registry
from inference.bundle import BundleError
from training.datasets import DataError
from training.progress import ConsoleReport
from training.recipe import NETWORKS, Options, checked_data, recipe_of
from training.weights import WeightsError


class Command(BaseCommand):
    help = "Train a model on a folder of photos and register it as a candidate."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="SPLIT/CLASS/photo.jpg or CLASS/photo.jpg")
        parser.add_argument("--name", help="name of the model (default: made from the data and the time)")
        parser.add_argument("--network", choices=NETWORKS, default=NETWORKS[0])
        parser.add_argument("--splits", default="train", help="splits to learn from: train (default), or train,val")
        parser.add_argument("--epochs", type=int, help="most epochs of one fit; it stops early")
        parser.add_argument("--folds", type=int, default=3, help="folds for calibration and thresholds (default 3)")
        parser.add_argument("--quick", action="store_true", help="train the head alone: about a minute")
        parser.add_argument("--tune-from", type=int, metavar="BLOCK", help="first tuned block (default: by network)")
        parser.add_argument("--fits", type=int, default=1, help="fits whose weights are averaged (default 1)")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--out", type=Path, help="output folder (default: var/training/NAME)")
        parser.add_argument(
            "--not-a-lesion", type=Path, help="SPLIT/KIND/picture.jpg, to learn what is no lesion photo"
        )
        parser.add_argument("--malignant", default="", help="further classes that are malignant: A,B")
        parser.add_argument("--attribution", default="", help="a sentence on the data that the model must carry")

    def handle(self, *args, **options) -> None:
        if options["folds"] < 2:
            raise CommandError("--folds must be at least 2: thresholds are chosen on photos that were held out.")
        if options["fits"] < 1 or (options["epochs"] is not None and options["epochs"] < 1):
            raise CommandError("--epochs and --fits must be at least 1.")
        if not 0 <= (options["tune_from"] or 0) <= 15:
            raise CommandError("--tune-from must be from 0 to 15.")
        recipe = replace(recipe_of(options["network"], options["quick"]), fits=options["fits"])
        if options["epochs"]:
            recipe = replace(recipe, epochs=options["epochs"])
        name = options["name"] or default_name(options["network"], options["data"])
        out = options["out"] or settings.VAR / "training" / name
        wanted = Options(
            data=options["data"],
            name=name,
            out=out,
            network=options["network"],
            splits=options["splits"],
            not_a_lesion=options["not_a_lesion"],
            quick=options["quick"],
            folds=options["folds"],
            seed=options["seed"],
            malignant=tuple(code.strip() for code in options["malignant"].split(",") if code.strip()),
            attribution=options["attribution"],
            tune_from=options["tune_from"],
            recipe=recipe,
        )
        report = ConsoleReport()
        try:
            dataset, classes = checked_data(wanted, report)
        except (DataError, BundleError) as error:
            raise CommandError(str(error)) from error
        # TensorFlow and Keras load only here, in the process that trains; never in one that serves.
        from training.export import ExportError
        from training.train import run

        try:
            bundle = run(wanted, dataset, classes, report)
        except (DataError, BundleError, ExportError, WeightsError) as error:
            raise CommandError(str(error)) from error
        for split in ("val", "test", "cross_validation"):
            if split in bundle.spec["metrics"]:
                figures = bundle.spec["metrics"][split]
                self.stdout.write(
                    f"{split}: n = {figures['n']}, accuracy {figures['accuracy']:.3f}, "
                    f"balanced accuracy {figures['balanced_accuracy']:.3f}"
                )
        try:
            registry.register(bundle.path)
        except registry.RegistryError as error:
            raise CommandError(f"The model is in {bundle.path} but was not registered: {error}") from error
        except DatabaseError:
            self.stdout.write(
                f"Not registered: the database has no tables yet. The bundle is in {bundle.path}; run "
                "`python manage.py migrate` and train again, or copy it from there."
            )
        else:
            self.stdout.write(
                f"Registered {bundle.name} as a candidate; `models promote {bundle.name}` makes it active."
            )


def default_name(network: str, data: Path) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", data.resolve().name.lower()).strip("-")[:40] or "data"
    return f"{network}-{slug}-{timezone.localtime():%Y%m%d-%H%M%S}"
