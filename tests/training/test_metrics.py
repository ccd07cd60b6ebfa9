import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.measuring import metrics
from training.measuring.metrics import Thresholds

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.2, 0.3, 0.5], [0.3, 0.4, 0.3]])
LABELS = np.array([0, 1, 1, 2, 2])
MALIGNANT = np.array([False, True, True])


@pytest.fixture(scope="module")
def reference():
    """Scikit-learn's figures; imported late, as every process of the suite imports this module and one needs it."""
    from sklearn import metrics as theirs

    return theirs


def measured(**changes):
    arguments = {
        "probabilities": PROBABILITIES,
        "labels": LABELS,
        "codes": ("NEV", "MEL", "BCC"),
        "malignant": MALIGNANT,
        "thresholds": Thresholds(urgent=0.5, abstain=0.45, conformal={90: 0.3}),
        "patients": ["a", "b", "c", "d", "e"],
        **changes,
    }
    return metrics.measure(**arguments)


def test_figures_of_five_photos_by_hand():
    """Top answers are 0, 0, 1, 2, 1 for 0, 1, 1, 2, 2; malignant probabilities 0.3, 0.4, 0.9, 0.8, 0.7."""
    figures = measured()
    assert figures["n"] == 5
    assert figures["confusion"] == [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    assert figures["accuracy"] == pytest.approx(3 / 5)
    assert figures["balanced_accuracy"] == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 1 / 2 + 2 / 3) / 3)
    assert figures["malignant_auc"] == 1.0
    assert figures["malignant_sensitivity"] == pytest.approx(3 / 4)
    assert figures["malignant_specificity"] == 1.0
    assert figures["per_class"]["MEL"] == {"n": 2, "recall": 0.5, "recall_ci": metrics.wilson(1, 2)}
    # The surest four leave out the last photo, which is wrong: three of four are right.
    assert figures["accuracy_at_80_coverage"] == pytest.approx(3 / 4)
    assert figures["answered_share"] == pytest.approx(4 / 5)
    assert figures["answered_accuracy"] == pytest.approx(3 / 4)
    # Sets at 0.3: {0}, {0, 1}, {1}, {1, 2}, {0, 1, 2}.
    assert figures["answer_sets"]["90"]["coverage"] == 1.0
    assert figures["answer_sets"]["90"]["mean_size"] == pytest.approx(9 / 5)
    # Bins of the top probability: 0.4 wrong, 0.5 right, 0.6 wrong, 0.7 right, 0.8 right.
    assert figures["ece"] == pytest.approx((0.4 + 0.5 + 0.6 + 0.3 + 0.2) / 5)


def test_every_rate_has_an_interval_around_it():
    figures = measured()
    rates = [key.removesuffix("_ci") for key in figures if key.endswith("_ci")]
    assert {"accuracy", "balanced_accuracy", "macro_f1", "malignant_auc", "malignant_sensitivity"} <= set(rates)
    assert {"malignant_specificity", "ece", "accuracy_at_80_coverage"} <= set(rates)
    for rate in rates:
        low, high = figures[f"{rate}_ci"]
        # The error can be larger among the surest than among all.
        assert (0 if rate != "error_reduction_at_80_coverage" else -4) <= low <= high <= 1
        if rate != "ece":
            assert low <= figures[rate] <= high


def test_photos_without_a_malignant_one_have_no_sensitivity():
    figures = measured(malignant=np.array([False, False, False]))
    assert figures["malignant_auc"] is None
    assert figures["malignant_auc_ci"] is None
    assert figures["malignant_sensitivity"] is None
    assert figures["malignant_specificity"] == 1.0


def test_a_class_that_does_not_occur_does_not_count():
    figures = measured(probabilities=PROBABILITIES[:3], labels=LABELS[:3], patients=["a", "b", "c"])
    assert figures["balanced_accuracy"] == pytest.approx((1 + 0.5) / 2)
    assert figures["per_class"]["BCC"] == {"n": 0, "recall": None, "recall_ci": None}


@pytest.mark.parametrize(
    ("hits", "n", "expected"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (29, 29, (0.8830, 1.0))],
)
def test_wilson_against_published_values(hits, n, expected):
    """Newcombe 1998, Statistics in Medicine 17:857, table I, method 3."""
    assert metrics.wilson(hits, n) == pytest.approx(expected, abs=5e-5)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=40))
def test_auc_agrees_with_scikit_learn(reference, pairs):
    scores = np.array([score / 8 for score, _positive in pairs])
    positive = np.array([positive for _score, positive in pairs])
    if positive.all() or not positive.any():
        assert metrics.auc(scores, positive) is None
    else:
        assert metrics.auc(scores, positive) == pytest.approx(reference.roc_auc_score(positive, scores))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_rates_agree_with_scikit_learn(reference, pairs):
    labels, predicted = np.array(pairs).T
    matrix = metrics.confusion_matrix(labels, predicted, 4)
    present = sorted(set(labels.tolist()))
    assert (matrix == reference.confusion_matrix(labels, predicted, labels=range(4))).all()
    recalls = reference.recall_score(labels, predicted, labels=present, average="macro", zero_division=0)
    assert metrics.balanced_accuracy(matrix) == pytest.approx(recalls)
    f1 = reference.f1_score(labels, predicted, labels=present, average="macro", zero_division=0)
    assert metrics.macro_f1(matrix) == pytest.approx(f1)


def test_the_bootstrap_draws_patients_not_photos():
    """Forty photos of two patients say no more than two patients do."""
    right = np.array([1.0] * 20 + [0.0] * 20)
    two = metrics.bootstrap(lambda chosen: float(right[chosen].mean()), ["a"] * 20 + ["b"] * 20)
    forty = metrics.bootstrap(lambda chosen: float(right[chosen].mean()), [str(each) for each in range(40)])
    assert two == [0.0, 1.0]
    assert 0.3 < forty[0] < 0.5 < forty[1] < 0.7


def test_the_error_that_abstaining_saves():
    # The surest four of five hold one of the two errors.
    assert metrics.error_reduction(PROBABILITIES, LABELS) == pytest.approx(1 - (1 / 4) / (2 / 5))


def test_specificity_where_the_roc_reaches_the_sensitivity():
    risk = np.array([0.9, 0.8, 0.1, 0.5, 0.2, 0.05])
    cancer = np.array([True, True, True, False, False, False])
    assert metrics.specificity_at_sensitivity(risk, cancer) == pytest.approx(1 / 3)
    assert metrics.specificity_at_sensitivity(risk, cancer, sensitivity=0.6) == 1.0
    assert metrics.specificity_at_sensitivity(risk, np.zeros(6, bool)) is None


def test_repeats_are_averaged_and_bring_no_further_patients():
    repeat = (PROBABILITIES, Thresholds(urgent=0.5, abstain=0.45, conformal={90: 0.3}))
    rest = (LABELS, ("NEV", "MEL", "BCC"), MALIGNANT, ["a", "b", "c", "d", "e"])
    once, twice = metrics.measure_repeats([repeat], *rest), metrics.measure_repeats([repeat] * 2, *rest)
    alone = measured()
    for name in ("accuracy", "balanced_accuracy", "malignant_auc", "malignant_specificity", "ece"):
        assert once[name] == pytest.approx(alone[name])
    assert once["answer_sets"]["90"]["coverage"] == alone["answer_sets"]["90"]["coverage"]
    assert {**twice, "repeats": 1} == once
    assert twice["accuracy_ci"][0] <= twice["accuracy"] <= twice["accuracy_ci"][1]
