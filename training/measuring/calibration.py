"""What is fitted on held-out photos: the weight of the answers, the temperature and the thresholds.

All of it uses out-of-fold logits, that is, of photos whose patients the network had not seen: on its own training
photos a network is far too sure of itself, and the answers would be given no weight beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.answers import AnswerEncoding
from inference.decision import calibrated, confidence, malignant_probability
from training.measuring.metrics import Thresholds

SENSITIVITY = 0.95
COVERAGES = (80, 90, 95, 99)  # per cent; a clinic chooses one of them
ANSWERED = 0.8
COPIES = 8  # how many times each photo is seen with other answers hidden
NEVER = 1.01  # a threshold that no probability reaches


@dataclass(frozen=True)
class Fusion:
    """logits = photo + bias + answers @ weights; probabilities = softmax(logits / temperature)."""

    weights: np.ndarray  # float32 [answer features, classes]
    bias: np.ndarray  # float32 [classes]
    temperature: float

    def logits(self, photo: np.ndarray, answers: np.ndarray) -> np.ndarray:
        return photo + self.bias + answers @ self.weights

    def probabilities(self, photo: np.ndarray, answers: np.ndarray) -> np.ndarray:
        return calibrated(self.logits(photo, answers), self.temperature)


def tilt(labels: np.ndarray, classes: int, strength: float) -> np.ndarray:
    """What is added to the log-probability of each class, [classes]: strength x log(mean count / its count).

    With 0 the likeliest class wins, which costs recall where it hurts most: melanoma and squamous cell carcinoma are
    rare.  With 1 all classes count as equally common (Menon et al. 2021, arXiv:2007.07314).
    """
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    return strength * np.log(counts.mean() / counts)


def hide(answers: np.ndarray, encoding: AnswerEncoding, rng: np.random.Generator) -> np.ndarray:
    """Copies of encoded answers, [COPIES * n, k], with answers hidden at random: 0 to all of them, photo by photo.

    The first copy is whole and the last is empty, so that the model works with all, some or none.
    """
    n = len(answers)
    hidden = np.tile(answers, (COPIES, 1))
    chance = rng.random((COPIES * n, 1))
    for group in encoding.groups:
        gone = rng.random((COPIES * n, 1)) < chance
        gone[:n], gone[-n:] = False, True
        hidden[:, group] *= ~gone
    return hidden


def fit_fusion(
    photo: np.ndarray,
    answers: np.ndarray,
    labels: np.ndarray,
    encoding: AnswerEncoding,
    seed: int,
    strength: float = 0.0,
    ridge: float = 1.0,
) -> Fusion:
    """The weights of the answers and the temperature together: a convex multinomial regression.

    `photo` [n, classes] are out-of-fold logits.  Minimises the mean cross-entropy over `hide`'s copies, plus
    `ridge` / n times the squared weights.  The bias is the `tilt` of that strength.
    """
    from scipy.optimize import minimize

    rng = np.random.default_rng(seed)
    told = hide(answers, encoding, rng)
    seen = np.tile(photo, (COPIES, 1)).astype(np.float64)
    target = np.tile(labels, COPIES)
    n, classes, width = len(target), photo.shape[1], answers.shape[1]
    rows = np.arange(n)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        scale, weights = parameters[0], parameters[1:].reshape(width, classes)
        p = calibrated(scale * seen + told @ weights, 1.0)
        value = -np.log(np.maximum(p[rows, target], 1e-12)).mean() + ridge / len(labels) * (weights**2).sum()
        p[rows, target] -= 1
        p /= n
        slope = told.T @ p + 2 * ridge / len(labels) * weights
        return value, np.concatenate(([(p * seen).sum()], slope.ravel()))

    start = np.concatenate(([1.0], np.zeros(width * classes)))
    bounds = [(0.1, 10.0)] + [(None, None)] * (width * classes)
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}).x
    # The scale of the photo's logits becomes the temperature of the whole, so the weights are scaled along.
    temperature = 1.0 / best[0]
    return Fusion(
        (best[1:].reshape(width, classes) * temperature).astype(np.float32),
        (tilt(labels, classes, strength) * temperature).astype(np.float32),
        float(temperature),
    )


def choose_thresholds(probabilities: np.ndarray, labels: np.ndarray, malignant: np.ndarray) -> Thresholds:
    """Thresholds from held-out probabilities [n, classes].

    urgent: the highest that still flags 95 % of the malignant.  abstain: the one that 80 % of the photos pass.
    conformal: classes at or above it hold the truth in that share of photos, with the finite-sample correction of split
    conformal prediction (Angelopoulos & Bates 2021, arXiv:2107.07511, section 1).
    """
    cancer = malignant[labels]
    risk = np.sort(malignant_probability(probabilities, malignant)[cancer])
    missed = int(np.floor(len(risk) * (1 - SENSITIVITY) + 1e-9))
    truth = np.sort(probabilities[np.arange(len(labels)), labels])
    outside = {wanted: int(np.floor((len(truth) + 1) * (1 - wanted / 100) + 1e-9)) for wanted in COVERAGES}
    return Thresholds(
        urgent=float(risk[missed]) if len(risk) else NEVER,
        abstain=float(np.quantile(confidence(probabilities), 1 - ANSWERED)),
        conformal={wanted: float(truth[left - 1]) if left >= 1 else 0.0 for wanted, left in outside.items()},
    )
