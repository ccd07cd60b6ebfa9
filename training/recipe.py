"""What a training run is asked for.  Loads neither Keras nor the record: pages and tools read it too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils import timezone

NETWORKS = ("lite2", "lite0", "student")  # the first is the default


@dataclass(frozen=True)
class Recipe:
    """How a tail is tuned.  The defaults were chosen by grouped cross-validation: docs/model-experiments.md."""

    epochs: int = 10
    learning_rate: float = 3e-4
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    class_power: float = 0.5  # loss weight of a class: (mean count / its count) ** power
    average: float = 0.99  # exponential moving average of the weights
    views: int = 16
    fits: int = 1  # how many fits are averaged, weight by weight (Wortsman et al. 2022, arXiv:2203.05482)
    tilt: float = 0.5  # how far rare classes are preferred when it is a close call: see calibration.tilt


def quick_recipe() -> Recipe:
    """The head alone on frozen features of the photo as it is: a head can take a larger step."""
    return Recipe(epochs=30, learning_rate=2e-3, views=1)


def student_recipe() -> Recipe:
    """As such a network is trained in its own world: a plain Adam on the classes as they are."""
    return Recipe(
        epochs=30, learning_rate=1e-3, weight_decay=0.0, label_smoothing=0.0, class_power=0.0, average=0.0, views=8
    )


def recipe_of(network: str, quick: bool = False) -> Recipe:
    """The default recipe of a network, or of its head alone."""
    if network == "student":
        return student_recipe()
    return quick_recipe() if quick else Recipe()


def changed(recipe: Recipe, wishes: Sequence[str]) -> Recipe:
    """The recipe with some of its fields changed, each written as `name=value`.

    Raises ValueError with one sentence.
    """
    # Every field is a number, and a whole one stays whole.
    known = {name: type(value) for name, value in asdict(recipe).items()}
    for wish in wishes:
        name, _equals, value = wish.partition("=")
        if name not in known:
            raise ValueError(f"A recipe has no “{name}”; it has {', '.join(known)}.")
        try:
            recipe = replace(recipe, **{name: known[name](value)})
        except ValueError:
            raise ValueError(f"“{value}” is no number for {name}.") from None
    return recipe


@dataclass(frozen=True)
class Options:
    """What `train` was asked for."""

    data: Path | None  # a folder; None: signed cases alone
    name: str
    out: Path
    network: str = "lite2"
    splits: str = "train"  # what is learnt from, such as `train,val`; the rest is measured on
    quick: bool = False
    folds: int = 3
    seed: int = 1
    not_a_lesion: Path | None = None  # SPLIT/KIND/picture.jpg
    malignant: tuple[str, ...] = ()
    attribution: str = ""
    tune_from: int | None = None  # block; None is the network's own choice
    recipe: Recipe = field(default_factory=Recipe)
    snapshot: UUID | None = None  # signed cases; None: a folder alone

    @property
    def data_name(self) -> str:
        """What the model learns from, for its description."""
        parts = [self.data.resolve().name] if self.data else []
        return " + ".join(parts + (["signed cases"] if self.snapshot else []))

    @property
    def asked(self) -> dict[str, Any]:
        """What was wished for, for whoever wants to do it again: folders by their names alone, not where they lie."""
        return {
            "name": self.name,
            "data": self.data.resolve().name if self.data else None,
            "from_cases": self.snapshot is not None,
            "network": self.network,
            "splits": self.splits,
            "quick": self.quick,
            "tune_from": self.tune_from,
            # The most epochs; those that the folds found best are in the recipe.
            "epochs": self.recipe.epochs,
            "folds": self.folds,
            "fits": self.recipe.fits,
            "seed": self.seed,
            "not_a_lesion": self.not_a_lesion.resolve().name if self.not_a_lesion else None,
            "malignant": list(self.malignant),
        }

    @property
    def cut(self) -> str | None:
        """Where the network is cut (see architecture.Network); None is where it is by default."""
        if self.quick:
            return "maps"
        return None if self.tune_from is None else f"block{self.tune_from}"

    @property
    def bundle(self) -> Path:
        return self.out / "bundle"


def default_name(network: str, data: Path | None) -> str:
    """A name that says what was trained on what, and when."""
    slug = re.sub(r"[^a-z0-9]+", "-", data.resolve().name.lower()).strip("-")[:40] if data else "cases"
    slug = slug or "data"
    return f"{network}-{slug}-{timezone.localtime():%Y%m%d-%H%M%S}"
