"""Pictures of a training run, as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot

from inference.bundle import Bundle

if TYPE_CHECKING:
    from training.tuning import Curve

INK, ACCENT, SOFT = "#1f2937", "#206bc4", "#d9dbde"
DPI = 130


def draw_all(folder: Path, bundle: Bundle, curves: list[Curve]) -> None:
    """confusion-matrix.png and learning-curves.png into `folder`.

    The confusion matrix is of the held-out split, or of cross-validation where nothing was held out.
    """
    metrics = bundle.spec["metrics"]
    shown = next(name for name in ("val", "test", "cross_validation") if name in metrics)
    confusion(folder / "confusion-matrix.png", metrics[shown], shown.replace("_", "-"))
    learning_curves(folder / "learning-curves.png", curves)


def confusion(path: Path, figures: dict[str, Any], title: str) -> None:
    """Counts, shaded by the share of the true class."""
    matrix, codes = np.array(figures["confusion"]), figures["classes"]
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = 2.2 + 0.62 * len(codes)
    figure, axes = pyplot.subplots(figsize=(side, side), layout="constrained")
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(matrix.shape):
        axes.text(
            column, row, f"{matrix[row, column]}", ha="center", va="center",
            color="white" if share[row, column] > 0.55 else INK,
        )  # fmt: skip
    axes.set_xticks(range(len(codes)), codes, rotation=45, ha="right")
    axes.set_yticks(range(len(codes)), codes)
    axes.set(xlabel="Model", ylabel="Truth")
    axes.set_title(
        f"{title}: n = {figures['n']}, accuracy {figures['accuracy']:.2f}, balanced {figures['balanced_accuracy']:.2f}",
        fontsize=9,
    )
    axes.spines[:].set_visible(False)
    figure.savefig(path, dpi=DPI)
    pyplot.close(figure)


def learning_curves(path: Path, curves: list[Curve]) -> None:
    """Loss and held-out balanced accuracy by epoch; folds thin, the final fit thick."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for number, curve in enumerate(curves):
        epochs = range(1, len(curve.loss) + 1)
        first = number == 0
        if curve.held_loss:
            left.plot(epochs, curve.loss, color=SOFT, label="training, folds" if first else None)
            left.plot(epochs, curve.held_loss, color=ACCENT, alpha=0.7, label="held out, folds" if first else None)
            left.plot(curve.best_epoch, min(curve.held_loss), "o", color=ACCENT, markersize=5)
            right.plot(epochs, curve.held_balanced_accuracy, color=ACCENT, alpha=0.7)
        else:
            left.plot(epochs, curve.loss, color=INK, linewidth=2, label="training, whole split")
    left.set(xlabel="Epoch", ylabel="Loss")
    left.legend(frameon=False, fontsize=8)
    right.set(xlabel="Epoch", ylabel="Held-out balanced accuracy", ylim=(0, 1))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.savefig(path, dpi=DPI)
    pyplot.close(figure)
