"""`figures`: the tables of the shipped model's figures in the documents, written from what was measured."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference.bundle import SPEC_FILE
from training.fitting.model_card import group_rows, number

BEGIN, END = "<!-- figures: python manage.py figures -->", "<!-- end of figures -->"
GROUPS_BEGIN, GROUPS_END = "<!-- groups: python manage.py figures -->", "<!-- end of groups -->"
FOLDER = "docs/figures"
# What a bundle does not say of itself: `crossvalidate` with the bundle's own network, folds and seed.
GROUPS_FOLDER = "docs/figures/groups"
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
        root, bundle = settings.BASE_DIR, settings.SHIPPED_BUNDLE
        table = figures_table(root / FOLDER, bundle)
        places = (
            ("README.md", BEGIN, END, table),
            ("docs/model.md", BEGIN, END, table),
            ("docs/model.md", GROUPS_BEGIN, GROUPS_END, groups_table(root / GROUPS_FOLDER, bundle)),
        )
        for name, begin, end, written in places:
            document = root / name
            text = document.read_text(encoding="utf-8")
            if begin not in text or end not in text:
                raise CommandError(f"{name} has no place for the figures: {begin} … {end}")
            before, rest = text.split(begin, 1)
            fresh = f"{before}{begin}\n{written}\n{end}{rest.split(end, 1)[1]}"
            if options["check"] and fresh != text:
                raise CommandError(f"{name} is out of date: python manage.py figures")
            if not options["check"]:
                document.write_text(fresh, encoding="utf-8")


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


def groups_table(folder: Path, bundle: Path) -> str:
    """Markdown: the figures by group of the bundle itself, else of its folds trained again; else how to measure them.

    Raises CommandError for a file of another recipe.
    """
    spec = json.loads((bundle / SPEC_FILE).read_text(encoding="utf-8"))
    said, training = spec["metrics"]["cross_validation"].get("groups"), spec["training"]
    file = folder / f"{spec['name']}.json"
    command = (
        f"python manage.py crossvalidate --data DIR --network {training['network']} --splits {training['splits']} "
        f"--folds {training['folds']} --seed {training['seed']} --json {GROUPS_FOLDER}/{file.name}"
    )
    if said is None:
        if not file.exists():
            return f"Not measured for {spec['name']}, which is older than these figures:\n\n    {command}"
        found = json.loads(file.read_text(encoding="utf-8"))
        for key in ("network", "tuned_from", "folds", "seed", "manifest_sha256"):
            if found[key] != training[key]:
                raise CommandError(f"{file} was measured with another {key} than {spec['name']} was made with.")
        said = found["groups"]
    return "\n".join(group_rows(said))
