"""Statistics that the models' figures and the clinic's figures share, in numpy; they know no case and no clinic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Z95 = 1.959964
BOOTSTRAPS = 1000


def wilson(hits: int, n: int) -> list[float] | None:
    """Wilson's 95 % interval of a rate (Wilson 1927); None for no observations."""
    if n == 0:
        return None
    share, z2 = hits / n, Z95 * Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return [max(0.0, centre - half), min(1.0, centre + half)]


@dataclass(frozen=True)
class Share:
    """A share of n with its 95 % interval; `value` is None for n = 0."""

    hits: int
    n: int

    @classmethod
    def of(cls, flags: Sequence[bool]) -> Share:
        return cls(sum(flags), len(flags))

    @property
    def value(self) -> float | None:
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> list[float] | None:
        return wilson(self.hits, self.n)


def bootstrap(
    figure: Callable[[np.ndarray], float | None], patients: Sequence[str], seed: int = 0, rounds: int = BOOTSTRAPS
) -> list[float] | None:
    """95 % interval of `figure(indices)` over resampled patients; None if it cannot be computed."""
    _names, owner = np.unique(np.asarray(patients), return_inverse=True)
    by_patient = np.argsort(owner, kind="stable")  # patient k's photos lie from first[k] on
    count = np.bincount(owner)
    first = np.cumsum(count) - count
    rng = np.random.default_rng(seed)
    values = []
    for _round in range(rounds):
        drawn = rng.integers(len(count), size=len(count))
        taken = count[drawn]
        ends = np.cumsum(taken)
        value = figure(by_patient[np.arange(ends[-1]) + np.repeat(first[drawn] - (ends - taken), taken)])
        if value is not None:
            values.append(value)
    if len(values) < rounds / 2:
        return None
    low, high = np.percentile(values, (2.5, 97.5))
    return [float(low), float(high)]


def kappa(first: np.ndarray, second: np.ndarray) -> float | None:
    """Cohen's kappa of two int arrays [n] (1960, doi:10.1177/001316446002000104).

    None where both always say the same one thing: chance alone would agree as often.
    """
    size = int(max(first.max(), second.max())) + 1
    shares = [np.bincount(each, minlength=size) / len(each) for each in (first, second)]
    expected = float(shares[0] @ shares[1])
    return None if expected >= 1 else (float((first == second).mean()) - expected) / (1 - expected)


def kappa_interval(
    first: np.ndarray, second: np.ndarray, patients: Sequence[str], seed: int = 0, rounds: int = 300
) -> list[float] | None:
    """95 % interval of `kappa` over resampled patients, by their weights in one table of counts; None as for kappa."""
    _names, owner = np.unique(np.asarray(patients), return_inverse=True)
    size, n_patients = int(max(first.max(), second.max())) + 1, int(owner.max()) + 1
    cell, rng = first * size + second, np.random.default_rng(seed)
    values = []
    for _round in range(rounds):
        weights = np.bincount(rng.integers(n_patients, size=n_patients), minlength=n_patients)[owner]
        counts = np.bincount(cell, weights=weights, minlength=size * size).reshape(size, size)
        table = counts / max(float(counts.sum()), 1.0)
        expected = float(table.sum(axis=1) @ table.sum(axis=0))
        if expected < 1 - 1e-12:
            values.append((float(np.trace(table)) - expected) / (1 - expected))
    if len(values) < rounds / 2:
        return None
    low, high = np.percentile(values, (2.5, 97.5))
    return [float(low), float(high)]


def stability(counts: Sequence[int], expected: Sequence[float]) -> float:
    """Population stability index of `counts` against `expected` shares (Siddiqi 2006): 0 for the same shares.

    Half a count is added to each cell, so that an empty one costs something finite. Above 0.25 is commonly called a
    shift; chance alone gives about (cells - 1) / n.
    """
    cells = len(counts)
    seen = (np.asarray(counts, float) + 0.5) / (sum(counts) + 0.5 * cells)
    wanted = (np.asarray(expected, float) + 1e-3) / (sum(expected) + 1e-3 * cells)
    return float(((seen - wanted) * np.log(seen / wanted)).sum())


def mean_interval(values: Sequence[float]) -> tuple[float, list[float] | None]:
    """(mean, its 95 % interval by the normal approximation); no interval for fewer than two values."""
    found = np.asarray(values, float)
    if len(found) < 2:
        return float(found.mean()), None
    half = Z95 * float(found.std(ddof=1)) / math.sqrt(len(found))
    return float(found.mean()), [float(found.mean()) - half, float(found.mean()) + half]


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts [true, predicted]."""
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)
