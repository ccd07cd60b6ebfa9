"""`crossvalidate --data DIR`: how good a recipe is, by repeated cross-validation over patients."""

import json
from dataclasses import replace
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference.bundle import BundleError
from training.data.datasets import DataError
from training.data.sources import checked_data
from training.fitting.model_card import ROWS, number
from training.network.weights import WeightsError
from training.progress import ConsoleReport
from training.recipe import NETWORKS, Options, changed, recipe_of


class Command(BaseCommand):
    help = "Measure a training recipe on held-out patients, several times over, without keeping a model."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="SPLIT/CLASS/photo.jpg or CLASS/photo.jpg")
        parser.add_argument("--splits", default="train,val", help="splits that take part (default: train,val)")
        parser.add_argument("--network", choices=NETWORKS, default=NETWORKS[0])
        parser.add_argument("--quick", action="store_true", help="frozen features and a linear head")
        parser.add_argument("--folds", type=int, default=5)
        parser.add_argument("--repeats", type=int, default=1, help="how often, each time with other folds")
        parser.add_argument("--epochs", type=int, help="epochs of one fit (default: by recipe)")
        parser.add_argument("--tune-from", type=int, metavar="BLOCK", help="first tuned block (default: by network)")
        parser.add_argument("--fits", type=int, default=1, help="fits whose weights are averaged (default 1)")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--malignant", default="", help="further classes that are malignant: A,B")
        parser.add_argument(
            "--set", action="append", default=[], metavar="NAME=VALUE", help="change the recipe, such as views=32"
        )
        parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
        parser.add_argument(
            "--predictions", type=Path, metavar="FILE", help="keep what was said of each photo: input of `fusions`"
        )
        parser.add_argument(
            "--work", type=Path, metavar="DIR", help="keep features and fits there, and go on from what is there"
        )
        parser.add_argument("--plots", type=Path, metavar="DIR", help="draw the first repeat's figures as SVG files")

    def handle(self, *args, **options) -> None:
        if options["folds"] < 2 or options["repeats"] < 1 or options["fits"] < 1:
            raise CommandError("--folds must be at least 2, --repeats and --fits at least 1.")
        recipe = replace(recipe_of(options["network"], options["quick"]), fits=options["fits"])
        if options["epochs"]:
            recipe = replace(recipe, epochs=options["epochs"])
        try:
            recipe = changed(recipe, options["set"])
        except ValueError as error:
            raise CommandError(str(error)) from None
        wanted = Options(
            data=options["data"],
            name="crossvalidation",
            out=Path(),
            network=options["network"],
            quick=options["quick"],
            folds=options["folds"],
            seed=options["seed"],
            splits=options["splits"],
            malignant=tuple(code.strip() for code in options["malignant"].split(",") if code.strip()),
            tune_from=options["tune_from"],
            recipe=recipe,
        )
        report = ConsoleReport()
        try:
            dataset, classes = checked_data(wanted, report)
            # TensorFlow and Keras load only here, in the process that trains.
            from training.fitting.train import measure_recipe

            kept = {"predictions": options["predictions"], "drawings": options["plots"], "work": options["work"]}
            result = measure_recipe(wanted, dataset, classes, options["repeats"], report, **kept)
        except (DataError, BundleError, WeightsError) as error:
            raise CommandError(str(error)) from error
        for part in ("with_answers", "photo_alone"):
            figures = result[part]
            self.stdout.write(f"\n{part.replace('_', ' ')}: {figures['n']} photos of {figures['patients']} patients")
            for title, key in ROWS:
                self.stdout.write(f"{title:<52} {number(figures, key)}")
            for code, row in figures["per_class"].items():
                self.stdout.write(f"{'Recall of ' + code:<52} {number(row, 'recall')}  n = {row['n']}")
        if options["json"]:
            options["json"].parent.mkdir(parents=True, exist_ok=True)
            options["json"].write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
