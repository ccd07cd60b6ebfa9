"""`train --data DIR`, `train --from-cases`: from photos to a registered candidate."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from accounts.models import Clinic
from training.data import snapshots
from training.data.datasets import DataError
from training.data.sources import attribution
from training.management.operators import operator
from training.network import checkpoints
from training.progress import ConsoleReport
from training.recipe import NETWORKS, Options, default_name, recipe_of
from training.runs import start

ROOT = settings.VAR / "training"


class Command(BaseCommand):
    help = "Train a model on a folder of photos, on signed cases, or on both, and register it as a candidate."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", type=Path, help="a folder of SPLIT/CLASS/photo.jpg or CLASS/photo.jpg")
        parser.add_argument("--from-cases", action="store_true", help="signed cases with consent to training use")
        parser.add_argument("--clinic", help="the cases of this clinic alone (default: of every clinic)")
        parser.add_argument(
            "--include-unconfirmed", action="store_true", help="with corrections by one read that nobody confirmed"
        )
        parser.add_argument(
            "--resume", action="store_true", help="go on with the newest unfinished run, or with the one called --name"
        )
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
        parser.add_argument(
            "--attribution",
            default="",
            help="a sentence on the data that the model must carry (default: ATTRIBUTION.txt of --data)",
        )

    def handle(self, *args, **options) -> None:
        report = ConsoleReport()
        try:
            wanted = self._resumed(options) if options["resume"] else self._wanted(options)
            bundle = start.train(wanted, report)
            for split in ("val", "test", "cross_validation"):
                if split in bundle.spec["metrics"]:
                    figures = bundle.spec["metrics"][split]
                    self.stdout.write(
                        f"{split}: n = {figures['n']}, accuracy {figures['accuracy']:.3f}, "
                        f"balanced accuracy {figures['balanced_accuracy']:.3f}"
                    )
            version = start.candidate(bundle)
        except start.TrainingRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        if version is None:
            self.stdout.write(
                f"Not registered: the database has no tables yet. The bundle is in {bundle.path}; run "
                "`python manage.py migrate` and train again, or copy it from there."
            )
        else:
            self.stdout.write(
                f"Registered {bundle.name} as a candidate; `models promote {bundle.name}` makes it active."
            )

    def _wanted(self, options: dict[str, Any]) -> Options:
        if options["folds"] < 2:
            raise CommandError("--folds must be at least 2: thresholds are chosen on photos that were held out.")
        if options["fits"] < 1 or (options["epochs"] is not None and options["epochs"] < 1):
            raise CommandError("--epochs and --fits must be at least 1.")
        if not 0 <= (options["tune_from"] or 0) <= 15:
            raise CommandError("--tune-from must be from 0 to 15.")
        recipe = replace(recipe_of(options["network"], options["quick"]), fits=options["fits"])
        if options["epochs"]:
            recipe = replace(recipe, epochs=options["epochs"])
        if not options["from_cases"] and (options["clinic"] or options["include_unconfirmed"]):
            raise CommandError("--clinic and --include-unconfirmed are about signed cases: add --from-cases.")
        name = options["name"] or default_name(options["network"], options["data"])
        return Options(
            data=options["data"],
            name=name,
            out=options["out"] or ROOT / name,
            network=options["network"],
            splits=options["splits"],
            not_a_lesion=options["not_a_lesion"],
            quick=options["quick"],
            folds=options["folds"],
            seed=options["seed"],
            malignant=tuple(code.strip() for code in options["malignant"].split(",") if code.strip()),
            attribution=options["attribution"] or (attribution(options["data"]) if options["data"] else ""),
            tune_from=options["tune_from"],
            recipe=recipe,
            snapshot=self._snapshot(options) if options["from_cases"] else None,
        )

    def _resumed(self, options: dict[str, Any]) -> Options:
        found = checkpoints.unfinished(ROOT, options["name"])
        if found is None:
            raise CommandError(f"There is no unfinished run to go on with in {ROOT}.")
        self.stdout.write(f"Going on with {found.name}")
        return found

    def _snapshot(self, options: dict[str, Any]) -> UUID:
        clinic = Clinic.objects.filter(name=options["clinic"]).first() if options["clinic"] else None
        if options["clinic"] and clinic is None:
            raise CommandError(f"There is no clinic called {options['clinic']}.")
        try:
            return snapshots.take(clinic, include_unconfirmed=options["include_unconfirmed"], by=operator()).id
        except DataError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError("The database has no tables yet: run `python manage.py migrate` first.") from error
