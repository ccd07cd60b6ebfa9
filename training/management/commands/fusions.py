"""`fusions --predictions FILE --data DIR`: other ways of joining photo and answers, beside the one that ships."""

import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from training.data.datasets import DataError
from training.measuring.fusions import WAYS, case_of, measure_ways
from training.measuring.predictions import Predictions

COLUMNS = (
    ("accuracy", "accuracy"),
    ("balanced_accuracy", "balanced"),
    ("malignant_auc", "AUC"),
    ("specificity_at_95_sensitivity", "specificity"),
    ("error_reduction_at_80_coverage", "error red."),
    ("ece", "ECE"),
)


class Command(BaseCommand):
    help = "Measure ways of joining the answers on kept predictions of `crossvalidate`; trains no network."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--predictions", type=Path, required=True, help="as `crossvalidate --predictions` wrote it")
        parser.add_argument("--data", type=Path, required=True, help="the folder that was cross-validated")
        parser.add_argument("--malignant", default="", help="further classes that are malignant: A,B")
        parser.add_argument("--only", default="", help="of the ways only those with this in their name, and the first")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")

    def handle(self, *args, **options) -> None:
        malignant = tuple(code.strip() for code in options["malignant"].split(",") if code.strip())
        try:
            case = case_of(Predictions.load(options["predictions"]), options["data"], malignant)
        except DataError as error:
            raise CommandError(str(error)) from error
        ways = [way for way in WAYS if way is WAYS[0] or options["only"] in way.name]
        self.stdout.write(f"{'':<36}" + "".join(f"{title:>31}" for _key, title in COLUMNS))
        rows = []
        for row in measure_ways(case, ways):
            rows.append(row)
            cells = "".join(f"{_cell(row, key):>31}" for key, _title in COLUMNS)
            self.stdout.write(f"{row['name']:<36}{cells}")
            self.stdout.flush()
        if options["json"]:
            options["json"].parent.mkdir(parents=True, exist_ok=True)
            options["json"].write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _cell(row: dict, key: str) -> str:
    """`0.763 +0.004 (-0.003-0.010)`: the figure, and how much more that is than the first way's."""
    if row[key] is None:
        return "-"
    low, high = row[f"{key}_more_ci"] or (float("nan"), float("nan"))
    return f"{row[key]:.3f} {row[f'{key}_more']:+.3f} ({low:+.3f} {high:+.3f})"
