"""`figures`: the table of the shipped model's figures in the documents, written from what was measured."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference.bundle import SPEC_FILE
from training.model_card import number

BEGIN, END = "<!-- figures: python manage.py figures -->", "<!-- end of figures -->"
DOCUMENTS = ("README.md", "docs/model.md")
FOLDER = "docs/figures"
WITH, ALONE = "with_answers", "photo_alone"
# (what, with answers or the photo alone, key, what we want to reach)
ROWS = (
    ("Balanced accuracy, with answers", WITH, "balanced_accuracy", "0.75"),
    ("Balanced accuracy, photo alone", ALONE, "balanced_accuracy", "0.66"),
    ("Accuracy, with answers", WITH, "accuracy", "0.80"),
    ("Accuracy, photo alone", ALONE, "accuracy", ""),
    ("Malignant AUC, with answers", WITH, "malignant_auc", "0.94"),
    ("Malignant AUC, photo alone", ALONE, "malignant_auc", "0.89"),
    ("Specificity at 95 % sensitivity (ROC), with answers", WITH, "specificity_at_95_sensitivity", "0.75"),
    ("Sensitivity at the urgent threshold, with answers", WITH, "malignant_sensitivity", "0.95"),
    ("Specificity at the urgent threshold, with answers", WITH, "malignant_specificity", ""),
    ("Calibration error (ECE), with answers", WITH, "ece", "0.05 or less"),
    ("Error reduction on the surest 80 %, with answers", WITH, "error_reduction_at_80_coverage", "0.40"),
)


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail if a document is out of date")

    def handle(self, *args, **options) -> None:
        table = figures_table(settings.BASE_DIR / FOLDER, settings.SHIPPED_BUNDLE)
        for name in DOCUMENTS:
            document = settings.BASE_DIR / name
            text = document.read_text(encoding="utf-8")
            if BEGIN not in text or END not in text:
                raise CommandError(f"{name} has no place for the figures: {BEGIN} … {END}")
            before, rest = text.split(BEGIN, 1)
            written = f"{before}{BEGIN}\n{table}\n{END}{rest.split(END, 1)[1]}"
            if options["check"] and written != text:
                raise CommandError(f"{name} is out of date: python manage.py figures")
            if not options["check"]:
                document.write_text(written, encoding="utf-8")


def figures_table(folder: Path, bundle: Path) -> str:
    """Markdown.  Each file in `folder` is a column, as `crossvalidate --json` wrote it; the last is the bundle."""
    columns: list[tuple[str, dict[str, dict[str, Any]]]] = []
    for file in sorted(folder.glob("*.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        columns.append((file.stem.split("-", 1)[1].replace("-", " "), found))
    spec = json.loads((bundle / SPEC_FILE).read_text(encoding="utf-8"))
    metrics = spec["metrics"]
    columns.append(
        (spec["name"], {WITH: metrics["cross_validation"], ALONE: metrics["cross_validation_photo_alone"]}),
    )
    heads = [f"{title}, n = {found[WITH]['n']}" for title, found in columns]
    lines = ["| cross-validation by patient | " + " | ".join(heads) + " | reach |", "|---" * (len(heads) + 2) + "|"]
    for title, part, key, reach in ROWS:
        cells = [number(found[part], key) for _title, found in columns]
        lines.append(f"| {title} | " + " | ".join(cells) + f" | {reach} |")
    empty = " | -" * (len(columns) - 1)
    for kind, row in spec["thresholds"].get("novelty", {"kinds": {}})["kinds"].items():
        reach = "0.80" if kind == "skin_only" else "0.97"
        title = f"Telling {kind.replace('_', ' ')} (n = {row['n']}) from lesions, AUROC"
        unseen = f"{number(row, 'auroc')}; never seen in training {number(row, 'auroc_unseen')}"
        lines.append(f"| {title}{empty} | {unseen} | {reach} |")
    return "\n".join(lines)
