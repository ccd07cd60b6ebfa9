"""How good a model is on the photos of each group of people: by skin type, age, body site and sex.

Two figures a group: the share of its photos whose condition is recognised, and the share of its cancers that are
flagged urgent.  Below twenty photos (or cancers) there is no figure, only n: too few to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from inference.decision import malignant_probability
from inference.statistics import wilson
from training.data.datasets import Example

TOO_FEW = 20
AGE_BANDS = ((0, 39), (40, 59), (60, 79), (80, 120))
UNKNOWN = "unknown"
# In the order in which they are shown, with the columns of a data set that say them.
_SAID_BY = {"skin_type": ("fitzpatrick", "fitspatrick"), "age": (), "site": (), "sex": ("sex", "gender")}
_ROMAN = ("I", "II", "III", "IV", "V", "VI")

Groups = dict[str, dict[str, dict[str, Any]]]  # {column: {value: figures}}


def by_group(
    examples: Sequence[Example],
    labels: np.ndarray,
    probabilities: np.ndarray,
    malignant: np.ndarray,
    urgent_threshold: float | np.ndarray,
) -> Groups:
    """Figures of each group, ready for JSON.

    `labels` [n], `probabilities` [n, classes], `malignant` bool [classes]; the threshold is one, or one a photo [n].
    A column that the data set does not say is left out.
    """
    right = probabilities.argmax(axis=1) == labels
    cancer = malignant[labels]
    flagged = malignant_probability(probabilities, malignant) >= urgent_threshold
    members: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, example in enumerate(examples):
        for column in _SAID_BY:
            if (value := _value(example, column)) is not None:
                members[column][value].append(index)
    groups: Groups = {}
    for column in (column for column in _SAID_BY if members[column]):
        values = members[column]
        groups[column] = {
            value: _figures(np.array(values[value]), right, cancer, flagged) for value in _ordered(column, values)
        }
    return groups


def _figures(chosen: np.ndarray, right: np.ndarray, cancer: np.ndarray, flagged: np.ndarray) -> dict[str, Any]:
    sick = chosen[cancer[chosen]]
    return {
        "n": len(chosen),
        **_rate("accuracy", int(right[chosen].sum()), len(chosen)),
        "malignant_n": len(sick),
        **_rate("malignant_sensitivity", int(flagged[sick].sum()), len(sick)),
    }


def _rate(name: str, hits: int, n: int) -> dict[str, Any]:
    few = n < TOO_FEW
    return {name: None if few else hits / n, f"{name}_ci": None if few else wilson(hits, n)}


def _value(example: Example, column: str) -> str | None:
    """The group of a photo; None where its data set has no such column."""
    if column == "age":
        return _age_band(example.answers.age)
    if column == "site":
        return example.answers.site or UNKNOWN
    said = [example.groups[name].strip() for name in _SAID_BY[column] if name in example.groups]
    if not said:
        return None
    return _skin_type(said[0]) if column == "skin_type" else said[0].lower() or UNKNOWN


def _skin_type(text: str) -> str:
    """Fitzpatrick's type as a Roman number, however the data write it."""
    if text.upper() in _ROMAN:
        return text.upper()
    try:
        return _ROMAN[int(float(text)) - 1] if 1 <= float(text) <= len(_ROMAN) else UNKNOWN
    except ValueError:
        return UNKNOWN


def _age_band(age: int | None) -> str:
    for low, high in AGE_BANDS:
        if age is not None and low <= age <= high:
            return f"{low}-{high}" if high < 120 else f"{low}+"
    return UNKNOWN


def _ordered(column: str, values: dict[str, list[int]]) -> list[str]:
    """Skin types and ages from low to high, sites by their number of photos; unknown last."""

    def place(value: str) -> tuple[bool, int, str]:
        return value == UNKNOWN, -len(values[value]) if column == "site" else 0, value

    return sorted(values, key=place)
