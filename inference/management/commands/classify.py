"""`classify IMAGE`: the model's opinion on one photo, on the command line."""

import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference.answers import QUESTIONS, Answers
from inference.bundle import BundleError
from inference.chosen import ModelNotFound, chosen_bundle
from inference.engine import Engine
from inference.preprocessing import open_upright


class Command(BaseCommand):
    help = "Ask the model about one photo. It supports a decision and does not make one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("image", type=Path)
        parser.add_argument("--age", default="", help="years")
        parser.add_argument("--site", default="", help="body site: nose, back, …")
        for question in QUESTIONS:
            parser.add_argument(f"--{question}", default="", metavar="yes|no|unknown")
        parser.add_argument("--model", help="name of a model or a bundle folder (default: the active model)")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args, **options) -> None:
        try:
            answers = Answers.from_text({name: options[name] for name in ("age", "site", *QUESTIONS)})
            engine = Engine(chosen_bundle(options["model"]))
            image = open_upright(options["image"])
        except (BundleError, ModelNotFound, ValueError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{options['image']} cannot be read as a photo.") from error
        opinion = engine.classify(image, answers)
        bundle = engine.bundle
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "model": bundle.name,
                        "bundle_sha256": bundle.sha256,
                        "probabilities": opinion.probabilities,
                        "answer_set": opinion.answer_set,
                        "answer_set_coverage": opinion.coverage,
                        "malignant_probability": opinion.malignant_probability,
                        "urgent": opinion.urgent,
                        "uncertain": opinion.uncertain,
                        "novelty": opinion.novelty,
                        "strange": opinion.strange,
                    },
                    indent=2,
                )
            )
            return
        names = {each.code: each.name for each in bundle.conditions}
        for code, probability in opinion.probabilities.items():
            mark = "*" if code in opinion.answer_set else " "
            self.stdout.write(f"{mark} {probability:6.1%}  {code}  {names[code]}")
        self.stdout.write(f"* together right in about {opinion.coverage} % of photos like those it was tested on")
        if any(each.malignant for each in bundle.conditions):
            self.stdout.write(f"Malignant: {opinion.malignant_probability:.1%}{' - URGENT' if opinion.urgent else ''}")
        if opinion.strange:
            self.stdout.write("This does not look like a photo of a lesion. A doctor must look at it.")
        if opinion.uncertain:
            self.stdout.write("Uncertain: a doctor must read this one.")
        self.stdout.write(f"Model {bundle.name}. It supports a decision and does not make one.")
