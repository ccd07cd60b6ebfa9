"""MODEL_CARD.md, written from what bundle.json holds."""

from __future__ import annotations

import shlex
from typing import Any

TITLES = {
    "val": "held-out patients (val)",
    "test": "held-out patients (test)",
    "val_photo_alone": "held-out patients (val), photo alone",
    "test_photo_alone": "held-out patients (test), photo alone",
    "cross_validation": "cross-validation on the training patients",
    "cross_validation_photo_alone": "cross-validation, photo alone",
}
ROWS = (
    ("Accuracy", "accuracy"),
    ("Balanced accuracy", "balanced_accuracy"),
    ("Macro F1", "macro_f1"),
    ("Malignant AUC", "malignant_auc"),
    ("Sensitivity for malignant at the urgent threshold", "malignant_sensitivity"),
    ("Specificity at the urgent threshold", "malignant_specificity"),
    ("Specificity at 95 % sensitivity (ROC)", "specificity_at_95_sensitivity"),
    ("Calibration error (ECE, 10 bins)", "ece"),
    ("Accuracy on the 80 % it is surest of", "accuracy_at_80_coverage"),
    ("Error reduction on the 80 % it is surest of", "error_reduction_at_80_coverage"),
)


def model_card(spec: dict[str, Any]) -> str:
    """Markdown.  `spec` is bundle.json before hashing, with `metrics`."""
    training, thresholds, licence = spec["training"], spec["thresholds"], spec["licence"]
    malignant = [each["code"] for each in spec["classes"] if each["malignant"]]
    lines = [
        f"# {spec['name']}",
        "",
        "## Intended use",
        "A second opinion on a photo of one skin lesion for staff and doctors of a clinic. It supports a decision "
        "and does not make one: a doctor reads every case. It is not a medical device and has had no clinical trial.",
        "Not for patients by themselves, not for screening without a doctor, not for several lesions in one photo, and "
        "not for dermoscopy unless it was trained on that.",
        "",
        "## Answers it can give",
        "| code | condition | ICD-10 | malignant |",
        "|---|---|---|---|",
        *(
            f"| {each['code']} | {each['name']} | {each['icd10'] or '-'} | {'yes' if each['malignant'] else 'no'} |"
            for each in spec["classes"]
        ),
        "",
        "It knows no other condition, and says one of these about any picture.",
        "",
        "## Data",
        f"Data set `{training['data']}`, manifest SHA-256 `{training['manifest_sha256']}`. It learnt from "
        f"{training.get('splits', 'train').replace(',', ' and ')}; figures on those photos would say nothing.",
        *_snapshot(training.get("snapshot")),
        *([licence["attribution"]] if licence["attribution"] else []),
        "",
        "| split | class | photos | patients |",
        "|---|---|---|---|",
        *(f"| {split} | {label} | {photos} | {patients} |" for split, label, photos, patients in training["counts"]),
        "",
        "## Network",
        f"`{training['network']}` at {spec['preprocessing']['size']} px, tuned from `{training['tuned_from']}`, "
        f"seed {training['seed']}. {licence['weights']}",
        "Clinical answers (age, site, six yes/no questions) join the photo's evidence at the end, as one linear term "
        "in which unknown counts for nothing. Sex and skin type are not shown to the network.",
        "",
        "## Figures",
        "With 95 % intervals: Wilson for rates, a bootstrap over patients for the others.",
        *_figures(spec["metrics"]),
        *_per_class(spec["metrics"]),
        *_groups(spec["metrics"]),
        "## Thresholds, chosen on held-out folds",
        f"- Temperature {spec['temperature']:.3f}.",
        (
            f"- Urgent when malignant ({', '.join(malignant)}) has {thresholds['urgent']['threshold']:.3f} or more: "
            f"the highest threshold with {thresholds['urgent']['target_sensitivity']:.0%} sensitivity."
            if malignant
            else "- No class is malignant, so nothing is ever flagged urgent."
        ),
        f"- Uncertain when the likeliest answer has less than {thresholds['abstain']['threshold']:.3f}: "
        f"{1 - thresholds['abstain']['answered_share']:.0%} of held-out photos.",
        "- Answer set, at the coverage that a clinic chooses: every class with "
        + ", ".join(f"{threshold:.3f} or more for {wanted} %" for wanted, threshold in thresholds["conformal"].items())
        + ".",
        *_novelty(thresholds.get("novelty")),
        "",
        "## Limits",
        "- The figures hold for photos like those it was trained on; another camera, clinic or population needs its "
        "own check. Groups with fewer than 20 photos are too few to say anything about.",
        *([] if "novelty" in thresholds else ["- It does not notice a picture that shows no lesion."]),
        "- Intervals are wide: read them, not the figure alone.",
        "",
        "## How to reproduce",
        "The same data, options and seed on the same machine give the same weights; another processor rounds "
        "differently.",
        "",
        f"    {command(training, licence['attribution'])}",
        "",
        "Folders are named without where they lie"
        + (", and CLINIC is the clinic whose cases they are." if _of_one_clinic(training) else "."),
        "",
        "Made with " + ", ".join(f"{name} {version}" for name, version in spec["libraries"].items()) + ".",
        "",
        "## Licence",
        f"Bundle: {licence['bundle']}. {licence['weights']}",
    ]
    return "\n".join(lines) + "\n"


def number(figures: dict[str, Any], key: str) -> str:
    """`0.71 (0.63-0.78)`, or a dash where there is no figure."""
    value, interval = figures.get(key), figures.get(f"{key}_ci")
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" ({interval[0]:.3f}-{interval[1]:.3f})" if interval else "")


def _figures(metrics: dict[str, Any]) -> list[str]:
    shown = [name for name in TITLES if name in metrics]
    return [
        "",
        "| | " + " | ".join(f"{TITLES[name]}, n = {metrics[name]['n']}" for name in shown) + " |",
        "|---" * (len(shown) + 1) + "|",
        *(f"| {title} | " + " | ".join(number(metrics[name], key) for name in shown) + " |" for title, key in ROWS),
        "",
    ]


def command(training: dict[str, Any], attribution: str) -> str:
    """The `train` command that was given, or that stands for what was asked for on a page."""
    asked = training["asked"]
    values = {
        "data": asked["data"],
        "clinic": "CLINIC" if _of_one_clinic(training) else None,
        **{name: asked[name] for name in ("name", "network", "splits", "tune_from", "epochs", "folds", "fits", "seed")},
        "not_a_lesion": asked["not_a_lesion"],
        "malignant": ",".join(asked["malignant"]) or None,
        "attribution": attribution or None,
    }
    flags = {
        "from_cases": asked["from_cases"],
        "include_unconfirmed": training.get("snapshot", {}).get("includes_unconfirmed", False),
        "quick": asked["quick"],
    }
    said = [f"{_option(name)} {shlex.quote(str(value))}" for name, value in values.items() if value is not None]
    return " ".join(["python manage.py train", *said, *(_option(name) for name, wanted in flags.items() if wanted)])


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _of_one_clinic(training: dict[str, Any]) -> bool:
    return bool(training.get("snapshot", {}).get("of_one_clinic"))


def _snapshot(snapshot: dict[str, Any] | None) -> list[str]:
    """Of which signed cases it learnt; counts alone."""
    if snapshot is None:
        return []
    sources = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in sorted(snapshot["sources"].items()))
    return [
        f"Signed cases whose patients consent to training use, snapshot SHA-256 `{snapshot['sha256']}`: "
        f"{snapshot['photos']} photos of {snapshot['patients']} patients. Whose word the labels are: {sources}."
    ]


def _novelty(check: dict[str, Any] | None) -> list[str]:
    """How well pictures without a lesion are noticed."""
    if check is None:
        return []
    lines = [
        f"- Not like a lesion photo when the picture is further from the training photos than "
        f"{1 - check['target_flagged']:.0%} of held-out lesion photos (n = {check['lesions']}); advice only."
    ]
    for kind, row in check["kinds"].items():
        lines.append(
            f"  - {kind.replace('_', ' ')}, n = {row['n']}: AUROC {number(row, 'auroc')}; had it never seen the kind "
            f"{number(row, 'auroc_unseen')}; noticed {number(row, 'noticed')}"
        )
    return lines


def _per_class(metrics: dict[str, Any]) -> list[str]:
    shown = next(name for name in TITLES if name in metrics)
    return [
        f"Recall by class, {TITLES[shown]}:",
        "",
        "| class | n | recall |",
        "|---|---|---|",
        *(f"| {code} | {row['n']} | {number(row, 'recall')} |" for code, row in metrics[shown]["per_class"].items()),
        "",
    ]


def _groups(metrics: dict[str, Any]) -> list[str]:
    shown = next((name for name in TITLES if "groups" in metrics.get(name, {})), None)
    if shown is None:
        return []
    return [
        f"By group, {TITLES[shown]}: photos whose condition is recognised, and cancers flagged urgent.",
        "",
        *group_rows(metrics[shown]["groups"]),
        "",
    ]


def group_rows(groups: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """The figures of `training.measuring.groups.by_group` as a table in Markdown."""
    lines = ["| | | n | recognised | cancers | flagged |", "|---|---|---|---|---|---|"]
    for column, values in groups.items():
        for value, row in values.items():
            cells = (column, value, str(row["n"]), _said(row, "accuracy"), str(row["malignant_n"]))
            lines.append(
                f"| {' | '.join(cell.replace('_', ' ') for cell in cells)} | {_said(row, 'malignant_sensitivity')} |"
            )
    return lines


def _said(row: dict[str, Any], key: str) -> str:
    return "too few to say" if row[key] is None else number(row, key)
