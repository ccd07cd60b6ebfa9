import numpy as np
import pytest

from inference.answers import QUESTIONS, AnswerEncoding, Answers
from training.measuring.calibration import NEVER, choose_thresholds, fit_fusion, tilt

ENCODING = AnswerEncoding(50.0, 20.0, (("back", 0.5), ("nose", 0.5)), tuple((name, 0.5) for name in QUESTIONS))


def sample(n=1200, overconfidence=2.0, seed=0):
    """Photos whose true log-odds are known, and one answer (bled) that says as much as stated in the weights."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    photo = rng.normal(0, 1, (n, 3))
    photo[np.arange(n), labels] += 1.5
    bled = rng.random(n) < np.array([0.1, 0.5, 0.9])[labels]
    answers = np.stack([ENCODING.encode(Answers(bled=bool(each))) for each in bled])
    return photo * overconfidence, answers, labels


def test_a_tilt_prefers_the_rare_class_in_a_close_call_only():
    labels = np.array([0] * 90 + [1] * 10)
    log_odds = tilt(labels, 2, 0.5)
    assert log_odds[1] - log_odds[0] == pytest.approx(0.5 * np.log(9))
    assert not tilt(labels, 2, 0.0).any()
    photo, answers = np.zeros((100, 2)), np.zeros((100, ENCODING.width), np.float32)
    plain, tilted = (fit_fusion(photo, answers, labels, ENCODING, 0, strength) for strength in (0.0, 0.5))
    close, clear = np.array([[0.5, 0.0]]), np.array([[5.0, 0.0]])
    assert plain.probabilities(close, answers[:1]).argmax() == 0
    assert tilted.probabilities(close, answers[:1]).argmax() == 1
    assert tilted.probabilities(clear, answers[:1]).argmax() == 0


def test_without_a_malignant_class_nothing_is_ever_urgent():
    probabilities = np.array([[0.5, 0.5], [0.1, 0.9]])
    assert choose_thresholds(probabilities, np.array([0, 1]), np.array([False, False])).urgent == NEVER > 1
