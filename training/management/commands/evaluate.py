"""`evaluate --data DIR --split NAME`: the figures of a model, through the engine that serves it."""

import json
from pathlib import Path

import numpy as np
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference.bundle import BundleError
from inference.chosen import ModelNotFound, chosen_bundle
from inference.engine import Engine
from training.data.classes import code_of
from training.data.datasets import DataError, load
from training.fitting.model_card import ROWS, number
from training.measuring.evaluation import figures, learnt_from, score
from training.progress import ConsoleReport


class Command(BaseCommand):
    help = "Measure a model on the photos of a folder."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="SPLIT/CLASS/photo.jpg or CLASS/photo.jpg")
        parser.add_argument("--split", required=True, help="name of the split, or “all”")
        parser.add_argument("--model", help="name of a model or a bundle folder (default: the active model)")
        parser.add_argument("--without-answers", action="store_true", help="show the model the photos alone")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")

        parser.add_argument("--plots", type=Path, metavar="DIR", help="draw the figures as SVG files into DIR")

    def handle(self, *args, **options) -> None:
        try:
            engine = Engine(chosen_bundle(options["model"]))
            whole = load(options["data"], code_of)
            dataset = whole.split(options["split"])
            scored = score(engine, dataset, with_answers=not options["without_answers"], report=ConsoleReport())
        except (BundleError, DataError, ModelNotFound) as error:
            raise CommandError(str(error)) from error
        result = {
            "data": options["data"].resolve().name,
            "split": options["split"],
            "with_answers": not options["without_answers"],
            "learnt_from": learnt_from(engine.bundle, whole, options["split"]),
            **figures(engine.bundle, scored),
        }
        if scored.broken:
            self.stdout.write(f"Skipped {len(scored.broken)} files that cannot be read: {', '.join(scored.broken)}")
        self.stdout.write(f"{engine.bundle.name}: {result['n']} photos of {result['patients']} patients")
        if result["learnt_from"]:
            self.stdout.write(
                "These photos were learnt from, so this says nothing of how good the model is. Its honest figures are "
                "those of cross-validation, in its MODEL_CARD.md."
            )
        for title, key in ROWS:
            self.stdout.write(f"{title:<52} {number(result, key)}")
        for code, row in result["per_class"].items():
            self.stdout.write(f"{'Recall of ' + code:<52} {number(row, 'recall')}  n = {row['n']}")
        if options["plots"]:
            from training.measuring import plots  # matplotlib takes a second to load

            malignant = np.array([each.malignant for each in engine.bundle.conditions])
            plots.draw_all(
                options["plots"],
                f"{engine.bundle.name} on {result['data']}, {result['split']}",
                scored.probabilities, scored.labels, engine.bundle.classes, malignant, engine.bundle.urgent_threshold,
                result["groups"],
            )  # fmt: skip
        if options["json"]:
            options["json"].parent.mkdir(parents=True, exist_ok=True)
            options["json"].write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
