from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from inference.answers import QUESTIONS, Answers
from inference.bundle import Bundle
from inference.decision import calibrated, in_answer_set
from inference.engine import Engine
from tests.inference import small_bundle


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return Engine(Bundle.load(small_bundle.write(tmp_path_factory.mktemp("bundle"))))


def drawn(seed: int = 1) -> Image.Image:
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (60, 48), tuple(int(each) for each in rng.integers(120, 240, 3)))
    ImageDraw.Draw(image).ellipse((15, 10, 45, 40), fill=tuple(int(each) for each in rng.integers(0, 120, 3)))
    return image


def test_the_same_photo_gets_the_same_opinion_in_every_thread(engine):
    answers = Answers(age=63, site="nose", bled=True)
    with ThreadPoolExecutor(4) as pool:
        opinions = list(pool.map(lambda _number: engine.classify(drawn(), answers), range(24)))
    first = opinions[0]
    for other in opinions[1:]:
        assert other.probabilities == first.probabilities
        assert np.array_equal(other.maps, first.maps)
        assert np.array_equal(other.embedding, first.embedding)


def test_the_parts_of_an_opinion_agree(engine):
    for seed in range(12):
        opinion = engine.classify(drawn(seed))
        values = list(opinion.probabilities.values())
        assert values == sorted(values, reverse=True)
        assert sum(values) == pytest.approx(1)
        assert opinion.malignant_probability == pytest.approx(
            opinion.probabilities["MEL"] + opinion.probabilities["BCC"]
        )
        assert opinion.urgent == (opinion.malignant_probability >= 0.4)
        assert opinion.uncertain == (values[0] < 0.5)
        expected = tuple(code for code, p in opinion.probabilities.items() if p >= 0.25 or p == values[0])
        assert opinion.answer_set == expected
        assert opinion.maps.shape == (3, 4, 4)
        assert opinion.maps.dtype == np.float32
        assert opinion.embedding.shape == (4,)


def test_the_mean_of_a_map_is_the_photos_logit(engine):
    opinion = engine.classify(drawn())
    assert np.allclose(opinion.maps.mean(axis=(1, 2)), engine.logits(drawn()), atol=1e-5)


def test_the_temperature_is_applied_once(engine):
    """Probabilities are the softmax of logits / 1.5, computed here by hand."""
    logits = engine.logits(drawn())
    powers = np.exp(logits / 1.5)
    opinion = engine.classify(drawn())
    for code, expected in zip(engine.bundle.classes, powers / powers.sum(), strict=True):
        assert opinion.probabilities[code] == pytest.approx(expected, abs=1e-6)


@given(
    st.builds(Answers, age=st.none() | st.integers(0, 120), site=st.sampled_from([None, "nose", "back"])),
    st.sets(st.sampled_from(QUESTIONS)),
)
@settings(max_examples=25, deadline=None)
def test_missing_answers_are_the_same_as_unknown_ones(engine, some, unknown):
    texts = {"age": some.age, "site": some.site} | dict.fromkeys(unknown, "unknown")
    told = Answers.from_text({name: "" if value is None else str(value) for name, value in texts.items()})
    assert engine.classify(drawn(), told).probabilities == engine.classify(drawn(), some).probabilities


def test_answers_the_model_does_not_ask_change_nothing(engine):
    plain = engine.classify(drawn(), Answers(age=40))
    assert engine.classify(drawn(), Answers(age=40, hurt=True, site="heel")).probabilities == plain.probabilities


def test_a_known_answer_counts(engine):
    plain = engine.classify(drawn()).probabilities
    for told in (Answers(age=80), Answers(site="nose"), Answers(bled=True), Answers(bled=False)):
        assert engine.classify(drawn(), told).probabilities != plain


def test_thresholds_come_from_the_bundle(tmp_path):
    thresholds = {
        "urgent": {"threshold": 0.0},
        "abstain": {"threshold": 1.01},
        "conformal": {"100": 0.0},
    }
    strict = Engine(Bundle.load(small_bundle.write(tmp_path, thresholds=thresholds)))
    opinion = strict.classify(drawn())
    assert opinion.urgent
    assert opinion.uncertain
    assert set(opinion.answer_set) == {"NEV", "MEL", "BCC"}


def test_calibration_keeps_the_order_and_survives_large_logits():
    logits = np.array([[1000.0, -1000.0, 999.0], [0.1, 0.2, 0.3]], np.float32)
    for temperature in (0.5, 1.0, 4.0):
        probabilities = calibrated(logits, temperature)
        assert np.isfinite(probabilities).all()
        assert np.allclose(probabilities.sum(axis=1), 1)
        assert (probabilities.argsort(axis=1) == logits.argsort(axis=1)).all()


def test_an_answer_set_is_never_empty():
    probabilities = np.array([[0.2, 0.5, 0.3], [0.98, 0.01, 0.01]])
    assert in_answer_set(probabilities, 0.9).tolist() == [[False, True, False], [True, False, False]]
    assert in_answer_set(probabilities, 0.3).tolist() == [[False, True, True], [True, False, False]]


def test_a_bundle_is_not_changed_by_serving_it(engine):
    assert replace(engine.bundle) == engine.bundle
    assert Bundle.load(engine.bundle.path).sha256 == engine.bundle.sha256


def test_a_higher_coverage_names_no_fewer_conditions(engine):
    for seed in range(8):
        narrow, usual, wide = (engine.classify(drawn(seed), coverage=wanted) for wanted in (80, 90, 99))
        assert set(narrow.answer_set) <= set(usual.answer_set) <= set(wide.answer_set)
        assert (narrow.coverage, usual.coverage, wide.coverage) == (80, 90, 99)
