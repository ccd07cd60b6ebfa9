"""Pictures of how good a model is, as SVG files: legible on a phone, in print and to the colour-blind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inference.decision import confidence, malignant_probability
from inference.statistics import confusion_matrix, wilson
from training.measuring.groups import Groups
from training.measuring.metrics import accuracy_at_coverage, auc, reliability, roc

if TYPE_CHECKING:
    from training.progress import Curve

INK, ACCENT, SOFT, WARM = "#1f2937", "#206bc4", "#c3c9d1", "#b35309"
WIDTH = 4.6  # inches: a column of a page, and a phone's screen


def draw_all(
    folder: Path,
    title: str,
    probabilities: np.ndarray,
    labels: np.ndarray,
    codes: tuple[str, ...],
    malignant: np.ndarray,
    urgent_threshold: float,
    groups: Groups,
) -> list[Path]:
    """confusion.svg, recall.svg, reliability.svg, coverage.svg, groups.svg and, with malignant classes, roc.svg.

    `probabilities` [n, classes] are calibrated, of photos that the model had not seen; `title` says which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    matrix = confusion_matrix(labels, probabilities.argmax(axis=1), len(codes))
    figures = {
        "confusion": confusion(matrix, codes),
        "recall": recall(matrix, codes),
        "reliability": reliability_diagram(probabilities, labels),
        "coverage": coverage(probabilities, labels),
        "groups": by_groups(groups),
    }
    if malignant[labels].any() and not malignant[labels].all():
        risk = malignant_probability(probabilities, malignant)
        figures["roc"] = roc_curve(risk, malignant[labels], urgent_threshold)
    for figure in figures.values():
        figure.suptitle(f"{title}, n = {len(labels)}", fontsize=8, color=INK, x=0.02, ha="left")
    return [_save(figure, folder / f"{name}.svg") for name, figure in figures.items()]


def confusion(matrix: np.ndarray, codes: tuple[str, ...]) -> Figure:
    """Counts, shaded by the share of the true class."""
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure, axes = _axes(WIDTH)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(matrix.shape):
        colour = "white" if share[row, column] > 0.55 else INK
        axes.text(column, row, f"{matrix[row, column]}", ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(codes)), codes)
    axes.set_yticks(range(len(codes)), codes)
    axes.set(xlabel="The model says", ylabel="Truth")
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    return figure


def recall(matrix: np.ndarray, codes: tuple[str, ...]) -> Figure:
    """The share of each class that is recognised, with Wilson's 95 % interval."""
    figure, axes = _axes(WIDTH * 0.62)
    for row in range(len(codes)):
        n, hits = int(matrix[row].sum()), int(matrix[row, row])
        interval = wilson(hits, n)
        if interval is None:
            continue
        axes.plot(interval, [row, row], color=ACCENT, linewidth=2)
        axes.plot(hits / n, row, "o", color=ACCENT)
        axes.text(1.02, row, f"n = {n}", va="center", fontsize=8, color=INK, transform=axes.get_yaxis_transform())
    axes.set_yticks(range(len(codes)), codes)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="Recognised (95 % interval)")
    return figure


def by_groups(groups: Groups) -> Figure:
    """Recognised photos and flagged cancers of each group, with 95 % intervals; only n where it is too few to say."""
    rows = [(column, value, figures) for column, values in groups.items() for value, figures in values.items()]
    figure, both = pyplot.subplots(1, 2, figsize=(WIDTH, 0.9 + 0.22 * len(rows)), layout="constrained", sharey=True)
    titles = (("accuracy", "n", "Recognised"), ("malignant_sensitivity", "malignant_n", "Cancers flagged"))
    for axes, (key, n, title) in zip(both, titles, strict=True):
        _plain(axes)
        for place, (_column, _value, figures) in enumerate(rows):
            if figures[key] is None:
                said = f"too few to say, n = {figures[n]}"
                axes.text(0.5, place, said, ha="center", va="center", fontsize=6.5, color=INK)
                continue
            axes.plot(figures[f"{key}_ci"], [place, place], color=ACCENT, linewidth=2)
            axes.plot(figures[key], place, "o", color=ACCENT, markersize=4)
            axes.text(1.02, place, f"{figures[n]}", va="center", fontsize=7, color=INK)
        for place in range(1, len(rows)):
            if rows[place][0] != rows[place - 1][0]:
                axes.axhline(place - 0.5, color=SOFT, linewidth=0.8)
        axes.set(xlim=(0, 1), xticks=(0, 0.5, 1))
        axes.set_xlabel(f"{title}, n", fontsize=8)
        axes.tick_params(labelsize=7)
    both[0].set_yticks(
        range(len(rows)), [f"{column.replace('_', ' ')} {value.replace('_', ' ')}" for column, value, _figures in rows]
    )
    both[0].set_ylim(len(rows) - 0.5, -0.5)
    return figure


def reliability_diagram(probabilities: np.ndarray, labels: np.ndarray) -> Figure:
    """How often the model is right beside how sure it says it is; the size of a dot is its number of photos."""
    figure, axes = _axes(WIDTH * 0.85)
    axes.plot([0, 1], [0, 1], color=SOFT, linestyle="--", label="says what it keeps")
    bins = reliability(probabilities, labels)
    sure, right, n = (np.array(column) for column in zip(*bins, strict=True))
    for x, y, count in bins:
        interval = wilson(round(y * count), count)
        if interval:
            axes.plot([x, x], interval, color=ACCENT, alpha=0.4)
    axes.scatter(sure, right, s=12 + 220 * n / n.max(), color=ACCENT, zorder=3)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="Says: probability of its first answer", ylabel="Is right")
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def coverage(probabilities: np.ndarray, labels: np.ndarray) -> Figure:
    """Accuracy on the surest share of the photos."""
    figure, axes = _axes(WIDTH * 0.7)
    shares = np.linspace(0.1, 1, 46)
    points = [accuracy_at_coverage(probabilities, labels, share) for share in shares]
    low, high = np.array([wilson(hits, n) or (0, 1) for hits, n in points]).T
    axes.fill_between(shares, low, high, color=ACCENT, alpha=0.15, linewidth=0)
    axes.plot(shares, [hits / n for hits, n in points], color=ACCENT, linewidth=2)
    limit = float(np.quantile(confidence(probabilities), 0.2))
    axes.axvline(0.8, color=WARM, linestyle=":")
    axes.text(0.79, 0.03, f"80 %: sure by {limit:.2f}", ha="right", fontsize=8, color=WARM)
    axes.set(xlim=(0.1, 1), ylim=(0, 1), xlabel="Share of photos answered, the surest first", ylabel="Right")
    return figure


def roc_curve(risk: np.ndarray, cancer: np.ndarray, threshold: float) -> Figure:
    """Cancers flagged against others flagged at every threshold, the shipped one marked."""
    figure, axes = _axes(WIDTH * 0.9)
    false_positive, true_positive = roc(risk, cancer)
    axes.plot([0, 1], [0, 1], color=SOFT, linestyle="--")
    axes.plot(false_positive, true_positive, color=ACCENT, linewidth=2)
    here = (float((risk[~cancer] >= threshold).mean()), float((risk[cancer] >= threshold).mean()))
    axes.plot(*here, "o", color=WARM, zorder=3)
    axes.annotate(
        f"urgent from {threshold:.2f}: {here[1]:.0%} of cancers,\n{here[0]:.0%} of other lesions",
        here,
        xytext=(12, -26),
        textcoords="offset points",
        fontsize=8,
        color=WARM,
    )
    axes.text(0.98, 0.04, f"AUC {auc(risk, cancer):.3f}", ha="right", fontsize=9, color=INK)
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="Other lesions flagged", ylabel="Cancers flagged")
    return figure


def learning_curves(path: Path, curves: list[Curve]) -> Path:
    """Loss and held-out balanced accuracy by epoch; fits on folds thin, final fits thick."""
    figure, (left, right) = pyplot.subplots(2, 1, figsize=(WIDTH, WIDTH * 1.2), layout="constrained")
    named: set[str] = set()

    def label(text: str) -> str | None:
        """A label for the first line of its kind alone, so that the legend has one of each."""
        return None if text in named or named.add(text) else text  # type: ignore[func-returns-value]

    for curve in curves:
        epochs = range(1, len(curve.loss) + 1)
        if curve.held_loss:
            left.plot(epochs, curve.loss, color=SOFT, label=label("learnt photos"))
            left.plot(epochs, curve.held_loss, color=ACCENT, alpha=0.7, label=label("held-out photos"))
            right.plot(epochs, curve.held_balanced_accuracy, color=ACCENT, alpha=0.7)
        else:
            left.plot(epochs, curve.loss, color=INK, linewidth=2, label=label("final fit, all photos"))
    left.set(ylabel="Loss")
    left.legend(frameon=False, fontsize=8)
    right.set(xlabel="Epoch", ylabel="Held-out balanced accuracy", ylim=(0, 1))
    for axes in (left, right):
        _plain(axes)
    return _save(figure, path)


def _axes(height: float) -> tuple[Figure, Axes]:
    figure, axes = pyplot.subplots(figsize=(WIDTH, height), layout="constrained")
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
    axes.grid(alpha=0.25)


def _save(figure: Figure, path: Path) -> Path:
    # Without a date and with fixed ids, the same figures are the same file.
    with matplotlib.rc_context({"svg.hashsalt": "skinclinic", "svg.fonttype": "path"}):
        figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path
