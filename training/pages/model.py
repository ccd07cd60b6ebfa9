"""What pages show of a registered model: figures as tables, plots with their text alternatives, thresholds in words."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inference.bundle import PLOT_PREFIX, Bundle
from inference.known import headline
from inference.models import ModelVersion

DASH = "–"
DRAWN_SPLIT = "cross_validation"
# What the splits of bundle.json are called, the most telling first.
SPLITS = {
    "test": gettext_lazy("Held-out patients (test)"),
    "test_photo_alone": gettext_lazy("Held-out patients (test), photo alone"),
    "val": gettext_lazy("Held-out patients (val)"),
    "val_photo_alone": gettext_lazy("Held-out patients (val), photo alone"),
    "cross_validation": gettext_lazy("Cross-validation"),
    "cross_validation_photo_alone": gettext_lazy("Cross-validation, photo alone"),
}
FIGURES = {
    "balanced_accuracy": gettext_lazy("Balanced accuracy"),
    "accuracy": gettext_lazy("Accuracy"),
    "malignant_auc": gettext_lazy("Malignant or not: AUC"),
    "malignant_sensitivity": gettext_lazy("Urgent flag: sensitivity"),
    "malignant_specificity": gettext_lazy("Urgent flag: specificity"),
    "specificity_at_95_sensitivity": gettext_lazy("Specificity at 95 % sensitivity"),
    "ece": gettext_lazy("Calibration error"),
    "accuracy_at_80_coverage": gettext_lazy("Accuracy on the 80 % it is surest of"),
    "error_reduction_at_80_coverage": gettext_lazy("Fewer errors on those 80 %"),
    "answer_set_coverage": gettext_lazy("Answer set holds the truth"),
}
GROUPS = {
    "skin_type": gettext_lazy("Skin type"),
    "age": gettext_lazy("Age"),
    "site": gettext_lazy("Body site"),
    "sex": gettext_lazy("Sex"),
}
HEADLINE = ("balanced_accuracy", "malignant_auc", "malignant_sensitivity", "malignant_specificity")


@dataclass(frozen=True)
class Table:
    head: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Plot:
    """One picture of a test; `drawn` where the bundle holds it, `table` for those who cannot see it."""

    name: str
    title: str
    tested_on: str
    says: str
    drawn: bool
    table: Table | None


def number(value: Any, digits: int = 2) -> str:
    # Django's own formatting cuts digits off instead of rounding.
    return formats.number_format(round(value, digits), digits) if isinstance(value, int | float) else DASH


def with_interval(figures: dict[str, Any], key: str) -> str:
    """ "0.72 (0.64–0.78)"; a dash where the test gave no such figure."""
    value, interval = figures.get(key), figures.get(f"{key}_ci")
    if value is None or not interval:
        return number(value)
    return f"{number(value)} ({number(interval[0])}–{number(interval[1])})"


def percent(share: float) -> str:
    return _("%(figure)s %%") % {"figure": number(100 * share, 0 if share >= 0.1 else 1)}


def headline_figures(version: ModelVersion) -> list[tuple[str, str]]:
    """(what, figure with its interval) for lists."""
    _split, figures = headline(version)
    return [(str(FIGURES[key]), with_interval(figures, key)) for key in HEADLINE]


def tested_on(version: ModelVersion) -> str:
    return _named_test(*headline(version))


def _named_test(split: str, figures: dict[str, Any]) -> str:
    if not split:
        return _("No test is recorded")
    return _("%(split)s, n\u00a0=\u00a0%(n)s") % {"split": SPLITS[split], "n": figures["n"]}


def figure_table(version: ModelVersion) -> Table | None:
    """Every figure on every split that the bundle holds."""
    splits = [split for split in SPLITS if isinstance(version.metrics.get(split), dict)]
    if not splits:
        return None
    tests = [version.metrics[split] for split in splits]
    return Table(
        head=[
            "",
            *(
                _("%(split)s, n\u00a0=\u00a0%(n)s") % {"split": SPLITS[split], "n": test["n"]}
                for split, test in zip(splits, tests, strict=True)
            ),
        ],
        rows=[
            [str(title), *(with_interval(test, key) for test in tests)]
            for key, title in FIGURES.items()
            if any(test.get(key) is not None for test in tests)
        ],
    )


def thresholds_in_words(bundle: Bundle) -> list[str]:
    """What the model's thresholds mean for those who read its opinions."""
    said, thresholds = [], bundle.spec["thresholds"]
    malignant = [each.name for each in bundle.conditions if each.malignant]
    urgent = thresholds["urgent"]
    if malignant:
        said.append(
            _("Urgent: when %(conditions)s together reach %(threshold)s.")
            % {"conditions": ", ".join(malignant), "threshold": percent(bundle.urgent_threshold)}
        )
        if "sensitivity" in urgent:
            said.append(
                _(
                    "On held-out photos that flagged %(sensitivity)s of the malignant ones and left %(specificity)s of "
                    "the others unflagged."
                )
                % {"sensitivity": percent(urgent["sensitivity"]), "specificity": percent(urgent["specificity"])}
            )
    else:
        said.append(_("It knows no malignant condition, so it never flags a case as urgent."))
    sentence = _("Uncertain: when no condition reaches %(threshold)s.") % {
        "threshold": percent(bundle.abstain_threshold)
    }
    if "answered_share" in thresholds["abstain"]:
        sentence += " " + _("That was so for %(share)s of held-out photos.") % {
            "share": percent(1 - thresholds["abstain"]["answered_share"])
        }
    said.append(sentence)
    said += [
        _("Answer set at %(coverage)s %%: every condition that reaches %(threshold)s.")
        % {"coverage": coverage, "threshold": percent(threshold)}
        for coverage, threshold in sorted(bundle.conformal.items())
    ]
    if bundle.novelty is not None:
        said.append(_("A picture that is unlike the training photos is called “does not look like a lesion photo”."))
    else:
        said.append(_("It does not notice a picture that shows no lesion."))
    return said


def training_facts(bundle: Bundle) -> list[tuple[str, str]]:
    """(what, value) of what it was trained on and how."""
    training, licence = bundle.spec.get("training", {}), bundle.spec.get("licence", {})
    counts = training.get("counts", [])
    taught = [row for row in counts if row[0] in str(training.get("splits", "train")).split(",")]
    facts = [
        (_("Network"), training.get("network")),
        (_("Conditions"), ", ".join(each.name for each in bundle.conditions)),
        (_("Training data"), training.get("data")),
        (_("Training photos"), str(sum(row[2] for row in taught)) if taught else None),
        (_("Manifest, SHA-256"), training.get("manifest_sha256")),
        (_("Snapshot of signed cases, SHA-256"), training.get("snapshot", {}).get("sha256")),
        (_("Bundle, SHA-256"), bundle.sha256),
        (_("Licence"), licence.get("bundle")),
        (_("Attribution"), licence.get("attribution")),
    ]
    return [(what, str(value)) for what, value in facts if value]


# --- Plots -----------------------------------------------------------------------------------------------------


def plots(version: ModelVersion, bundle: Bundle | None) -> list[Plot]:
    """What there is to see of the model's tests: pictures that the bundle holds, tables from its figures."""
    files = bundle.spec["files"] if bundle else {}
    shown = []
    for name, (title, says, table) in _PLOTS.items():
        drawn = _plot_file(name) in files
        # Training draws what it has most photos for: the held-out folds. Else the test that says most.
        split, figures = _drawn_test(version) if drawn else headline(version)
        data = table(figures)
        if drawn or data:
            shown.append(Plot(name, str(title), _named_test(split, figures), says(figures), drawn, data))
    return shown


def _drawn_test(version: ModelVersion) -> tuple[str, dict[str, Any]]:
    figures = version.metrics.get(DRAWN_SPLIT)
    return (DRAWN_SPLIT, figures) if isinstance(figures, dict) else ("", {})


def plot_file(bundle: Bundle, name: str) -> bytes | None:
    """The picture called `name`; None where the bundle does not list it."""
    if name not in _PLOTS or _plot_file(name) not in bundle.spec["files"]:
        return None
    return (bundle.path / _plot_file(name)).read_bytes()


def _plot_file(name: str) -> str:
    return f"{PLOT_PREFIX}{name}.svg"


def _confusion(figures: dict[str, Any]) -> Table | None:
    if not figures.get("confusion"):
        return None
    codes = figures["classes"]
    return Table(
        head=[_("Truth, read as"), *codes],
        rows=[[code, *map(str, row)] for code, row in zip(codes, figures["confusion"], strict=True)],
    )


def _recall(figures: dict[str, Any]) -> Table | None:
    if not figures.get("per_class"):
        return None
    return Table(
        head=[_("Condition"), _("n"), _("Recall")],
        rows=[[code, str(row["n"]), with_interval(row, "recall")] for code, row in figures["per_class"].items()],
    )


def _groups(figures: dict[str, Any]) -> Table | None:
    if not figures.get("groups"):
        return None
    return Table(
        head=[_("Group"), _("n"), _("Recognised"), _("Cancers"), _("Flagged urgent")],
        rows=[
            [
                f"{GROUPS.get(column, column)}: {value.replace('_', ' ')}",
                str(row["n"]),
                _enough(row, "accuracy"),
                # Bundles of before have no figure of the cancers.
                str(row.get("malignant_n", DASH)),
                _enough(row, "malignant_sensitivity") if "malignant_n" in row else DASH,
            ]
            for column, values in figures["groups"].items()
            for value, row in values.items()
        ],
    )


def _enough(row: dict[str, Any], key: str) -> str:
    return with_interval(row, key) if row[key] is not None else _("too few to say")


def _none(figures: dict[str, Any]) -> None:
    return None


def _says(*keys: str) -> Callable[[dict[str, Any]], str]:
    """The figures behind a plot, as the sentence that stands for it."""

    def sentence(figures: dict[str, Any]) -> str:
        return "; ".join(_pair(figures, keys))

    return sentence


def _pair(figures: dict[str, Any], keys: Iterable[str]) -> Iterable[str]:
    return (f"{FIGURES[key]} {with_interval(figures, key)}" for key in keys if figures.get(key) is not None)


# By the names of their files.
_PLOTS: dict[str, tuple[Any, Callable[[dict[str, Any]], str], Callable[[dict[str, Any]], Table | None]]] = {
    "roc": (
        gettext_lazy("Malignant or not: ROC curve with the urgent threshold"),
        _says("malignant_auc", "malignant_sensitivity", "malignant_specificity"),
        _none,
    ),
    "confusion": (gettext_lazy("Confusion matrix"), _says("accuracy", "balanced_accuracy"), _confusion),
    "recall": (gettext_lazy("Recall of each condition"), _says("balanced_accuracy"), _recall),
    "reliability": (gettext_lazy("Are its probabilities right?"), _says("ece"), _none),
    "coverage": (
        gettext_lazy("Accuracy when it abstains"),
        _says("accuracy", "accuracy_at_80_coverage"),
        _none,
    ),
    "groups": (
        gettext_lazy("By skin type, age, body site and sex"),
        _says("accuracy", "malignant_sensitivity"),
        _groups,
    ),
    "curves": (gettext_lazy("Learning curves"), _says(), _none),
}
