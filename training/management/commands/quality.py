"""`quality --data DIR`: how well the photo quality score notices photos that were degraded on purpose."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from training.data.datasets import DataError, load
from training.photo_checks import quality
from training.progress import ConsoleReport


class Command(BaseCommand):
    help = "Degrade the photos of a folder on purpose and measure whether the photo quality score notices."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="SPLIT/CLASS/photo.jpg or CLASS/photo.jpg")
        parser.add_argument("--split", default="val", help="name of the split that is measured on, or “all”")
        parser.add_argument(
            "--fit",
            metavar="SPLIT",
            help="first learn the weights from this split and write them into cases/pixels/quality.json",
        )
        parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")

    def handle(self, *args, **options) -> None:
        report = ConsoleReport()
        try:
            dataset = load(options["data"])
            if options["fit"]:
                quality.write(quality.fit(dataset.split(options["fit"]), report))
            result = quality.measure(dataset.split(options["split"]), report)
        except DataError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{result['n']} photos of {result['patients']} patients; {result['not_taken']} are none that intake takes."
        )
        self.stdout.write("\n" + "\n".join(table(result)) + "\n")
        if options["json"]:
            options["json"].write_text(json.dumps(result, indent=1) + "\n")
        if not result["reached"]:
            raise CommandError(f"Not every clear degradation reaches an AUC of {result['reach']}.")


def table(result: dict[str, Any]) -> list[str]:
    """Markdown, as docs/model-safety.md has it: each degradation, and whether the score reaches what is wanted."""
    reach = result["reach"]
    lines = [
        f"| degradation | AUC of the score | reaches {reach} | its part | AUC of the part | called poor | "
        "as taken, called poor |",
        "|---" * 7 + "|",
    ]
    for row in result["degradations"]:
        cells = (
            row["degradation"],
            _interval(row["auc"], row["auc_ci"]),
            "yes" if row["auc"] >= reach else "**no**",
            row["part"],
            _interval(row["part_auc"], row["part_auc_ci"]),
            f"{row['poor']:.0%}",
            f"{row['undegraded_poor']:.0%}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _interval(value: float, interval: list[float] | None) -> str:
    return f"{value:.3f} ({interval[0]:.3f}-{interval[1]:.3f})" if interval else f"{value:.3f}"
