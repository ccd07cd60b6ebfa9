"""From logits to what a reader is shown.  Training chooses the thresholds with the same functions that serve them."""

from __future__ import annotations

import numpy as np


def calibrated(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities [..., classes]: softmax of logits / temperature (Guo et al. 2017, arXiv:1706.04599).

    The only place where a temperature is applied.  The network's own `probs` output is not calibrated.
    """
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def in_answer_set(probabilities: np.ndarray, threshold: float | np.ndarray) -> np.ndarray:
    """Which classes belong to the answer set, bool [..., classes]: all at or above the threshold, and the likeliest.

    Split conformal prediction with the score 1 - p (Sadinle et al. 2019, arXiv:1609.00451): a threshold chosen on
    held-out photos makes the set hold the right answer as often as the bundle's coverage says, on photos like them.
    `threshold` is one number or one of each photo, [...].
    """
    return (probabilities >= np.asarray(threshold)[..., None]) | (
        probabilities >= probabilities.max(axis=-1, keepdims=True)
    )


def malignant_probability(probabilities: np.ndarray, malignant: np.ndarray) -> np.ndarray:
    """The probability that the lesion is malignant at all, [...]; `malignant` is bool [classes]."""
    return probabilities[..., malignant].sum(axis=-1)


def confidence(probabilities: np.ndarray) -> np.ndarray:
    """How sure the answer is, [...]: the largest probability.  Below the bundle's threshold the model abstains."""
    return probabilities.max(axis=-1)
