"""From samples to figures with intervals, and from figures to verdicts. Plain numbers; nothing here knows the product.

Every interval is a percentile bootstrap (Efron 1979) of the statistic shown, at 95 %, from a fixed seed. Samples that
are compared come from alternating rounds of one run, and their ratio is formed round by round, so that what slows the
machine for a while slows both sides.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

RESAMPLES = 2000
Statistic = Callable[[np.ndarray], np.ndarray]  # [..., n] to [...]


def median(samples: np.ndarray) -> np.ndarray:
    return np.median(samples, axis=-1)


def p95(samples: np.ndarray) -> np.ndarray:
    return np.percentile(samples, 95, axis=-1)


def interval(samples: Sequence[float], statistic: Statistic = median) -> tuple[float, float]:
    """The 95 % interval of `statistic`."""
    values = np.asarray(samples, dtype=np.float64)
    chosen = np.random.default_rng(20).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(statistic(values[chosen]), [2.5, 97.5])
    return float(low), float(high)


def figure(what: str, samples: Sequence[float], unit: str, statistic: Statistic = median) -> dict[str, Any]:
    """One row of the table; `statistic` of the samples, or the one sample there is."""
    low, high = interval(samples, statistic) if len(samples) > 1 else (None, None)
    value = float(statistic(np.asarray(samples, dtype=np.float64)))
    return {"what": what, "value": value, "low": low, "high": high, "n": len(samples), "unit": unit}


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Round by round."""
    return [above / below for above, below in zip(over, under, strict=True)]


def verdict(
    what: str,
    samples: Sequence[float],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    unit: str = "x",
    statistic: Statistic = median,
) -> dict[str, Any]:
    """Whether `statistic` of the samples reaches a limit; the interval says how sure that is."""
    found = figure(what, samples, unit, statistic)
    met = found["value"] >= at_least if at_least is not None else found["value"] <= at_most
    return {**found, "at_least": at_least, "at_most": at_most, "met": bool(met)}
