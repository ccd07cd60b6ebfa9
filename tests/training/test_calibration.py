import numpy as np
import pytest

from inference.answers import QUESTIONS, AnswerEncoding, Answers
from inference.decision import calibrated
from training.calibration import COPIES, NEVER, choose_thresholds, fit_fusion, fit_temperature, hide, tilt
from training.metrics import calibration_error

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


def test_the_temperature_undoes_overconfidence():
    photo, _answers, labels = sample(overconfidence=3.0)
    nothing = np.zeros((len(labels), ENCODING.width), np.float32)
    fusion = fit_fusion(photo, nothing, labels, ENCODING, 0)
    before = calibration_error(calibrated(photo, 1.0), labels)
    after = calibration_error(fusion.probabilities(photo, nothing), labels)
    # The logits of two unit-variance Gaussians 1.5 apart are 1.5 times the observation.
    assert fusion.temperature == pytest.approx(3.0 / 1.5, rel=0.15)
    assert after < 0.04 < before


def test_a_telling_answer_is_given_weight_and_an_empty_one_none():
    photo, answers, labels = sample()
    weights = fit_fusion(photo, answers, labels, ENCODING, 0).weights
    bled = ENCODING.groups[2 + QUESTIONS.index("bled")].start
    assert weights[bled, 2] > 1 > 0 > -1 > weights[bled, 0]
    assert np.abs(np.delete(weights, bled, axis=0)).max() == 0


def test_fusion_beats_the_photo_alone_on_new_photos_and_does_no_harm_without_answers():
    photo, answers, labels = sample(seed=1)
    fusion = fit_fusion(photo, answers, labels, ENCODING, 0)
    photo, answers, labels = sample(seed=2)
    with_answers = (fusion.probabilities(photo, answers).argmax(axis=1) == labels).mean()
    without = fusion.probabilities(photo, np.zeros_like(answers))
    assert with_answers > (without.argmax(axis=1) == labels).mean() + 0.03
    assert (without.argmax(axis=1) == photo.argmax(axis=1)).all()


def test_hiding_leaves_one_whole_copy_and_one_empty_and_whole_answers_between():
    rng = np.random.default_rng(0)
    answers = rng.uniform(0.1, 1, (50, ENCODING.width)).astype(np.float32)
    hidden = hide(answers, ENCODING, rng).reshape(COPIES, 50, -1)
    assert (hidden[0] == answers).all()
    assert not hidden[-1].any()
    for group in ENCODING.groups:
        gone = (hidden[:, :, group] == 0).all(axis=2)
        kept = (hidden[:, :, group] == answers[:, group]).all(axis=2)
        assert (gone ^ kept).all()
        assert 0.3 < gone[1:-1].mean() < 0.7


def test_the_urgent_threshold_keeps_95_percent_of_the_malignant():
    rng = np.random.default_rng(0)
    risk = rng.random(400)
    probabilities = np.stack([1 - risk, risk], axis=1)
    labels = (rng.random(400) < risk).astype(int)
    threshold = choose_thresholds(probabilities, labels, np.array([False, True])).urgent
    cancers = risk[labels == 1]
    assert (cancers >= threshold).mean() >= 0.95
    # The next higher risk would lose too many.
    assert (cancers > threshold).mean() < 0.95


def test_abstaining_and_answer_sets_keep_their_promise():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet((1, 1, 1), 1000)
    labels = np.array([rng.choice(3, p=row) for row in probabilities])
    thresholds = choose_thresholds(probabilities, labels, np.array([False, False, True]))
    assert (probabilities.max(axis=1) >= thresholds.abstain).mean() == pytest.approx(0.8, abs=0.01)
    fresh = rng.dirichlet((1, 1, 1), 4000)
    truth = np.array([rng.choice(3, p=row) for row in fresh])
    for wanted, threshold in thresholds.conformal.items():
        covered = (fresh[np.arange(4000), truth] >= threshold).mean()
        assert covered == pytest.approx(wanted / 100, abs=0.03)


def test_the_temperature_undoes_what_was_too_sure():
    rng = np.random.default_rng(1)
    honest = rng.normal(0, 2, (3000, 4))
    labels = np.array([rng.choice(4, p=row) for row in calibrated(honest, 1.0)])
    assert fit_temperature(honest * 3, labels) == pytest.approx(3, rel=0.1)


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
