"""Paired differences of two models: the right figures, and intervals that do not claim more than the photos hold."""

import numpy as np
import pytest

from inference.bundle import TRAINING_PHOTOS_FILE, Bundle
from inference.engine import Engine
from inference.statistics import Z95
from tests.inference import small_bundle
from tests.training import drawn
from training.comparing.paired import Side, compare, mcnemar, overlap, paired_figures, paired_rate, tango
from training.data.datasets import DataError, load
from training.progress import Report


def test_tangos_interval_solves_its_equation():
    """At its ends the score statistic, with the nuisance parameter found by brute force, is 1.96 from zero."""
    gained, lost, n = 12, 2, 50
    for end, sign in zip(tango(gained, lost, n), (1, -1), strict=True):
        q = np.linspace(max(0, -end) + 1e-9, (1 - end) / 2 - 1e-9, 400_000)
        likelihood = gained * np.log(q + end) + lost * np.log(q) + (n - gained - lost) * np.log(1 - 2 * q - end)
        best = q[likelihood.argmax()]
        statistic = (gained - lost - n * end) / np.sqrt(n * (2 * best + end * (1 - end)))
        assert statistic == pytest.approx(sign * Z95, abs=1e-3)


@pytest.mark.parametrize("n", [5, 73, 1000])
def test_models_that_never_differ_are_not_known_to_be_equal(n):
    """Two that agree on n photos may differ on the next: the interval is z²/(n + z²) to each side."""
    half = Z95**2 / (n + Z95**2)
    assert tango(0, 0, n) == pytest.approx([-half, half], abs=1e-4)


def test_mcnemars_exact_p():
    assert mcnemar(0, 0) == 1
    assert mcnemar(5, 5) == 1
    assert mcnemar(0, 6) == pytest.approx(2 / 64)
    assert mcnemar(12, 2) == mcnemar(2, 12) == pytest.approx(2 * (1 + 14 + 91) / 2**14)


def test_a_rates_difference_counts_pairs_and_few_patients_widen_it():
    candidate = np.array([True] * 90 + [False] * 10)
    baseline = np.array([True] * 80 + [False] * 15 + [True] * 5)
    everything = np.ones(100, bool)
    alone = paired_rate(candidate, baseline, everything, [str(each) for each in range(100)])
    assert alone["pairs"] == {
        "both": 80,
        "candidate_only": 10,
        "baseline_only": 5,
        "neither": 5,
        "mcnemar_p": mcnemar(10, 5),
    }
    assert alone["difference"] == pytest.approx(0.05)
    low, high = alone["difference_ci"]
    assert low < 0 < 0.05 < high < 0.15
    together = paired_rate(candidate, baseline, everything, [str(each // 10) for each in range(100)])
    assert together["difference_ci"][0] < low
    assert together["difference_ci"][1] > high


def test_no_photo_gives_no_rate():
    nothing = paired_rate(np.array([True]), np.array([False]), np.array([False]), ["a"])
    assert (nothing["n"], nothing["difference"], nothing["difference_ci"]) == (0, None, None)


def test_the_figures_of_two_made_up_models():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], [200, 100])
    malignant = labels == 1
    patients = [str(each) for each in range(300)]

    def side(skill: float) -> Side:
        risk = rng.normal(0, 1, 300) + skill * malignant
        return Side((risk > 1).astype(int), risk, risk > 0)

    good, bad = side(3.0), side(1.0)
    figures = paired_figures(good, bad, labels, malignant, patients, classes=2)
    for name, figure in figures.items():
        if name == "malignant_specificity":  # the same for both: benign photos are as far from the threshold
            assert figure["difference_ci"][0] < 0 < figure["difference_ci"][1]
            continue
        assert figure["difference"] == pytest.approx(figure["candidate"] - figure["baseline"])
        assert 0 < figure["difference_ci"][0] < figure["difference"] < figure["difference_ci"][1], name
    swapped = paired_figures(bad, good, labels, malignant, patients, classes=2)
    assert swapped["malignant_auc"]["difference"] == -figures["malignant_auc"]["difference"]


def test_an_answer_that_the_test_set_has_no_class_for_is_wrong():
    labels, malignant, patients = np.array([0, 1]), np.array([False, True]), ["a", "b"]
    stranger = Side(np.array([0, -1]), np.array([0.1, 0.9]), np.array([False, True]))
    right = Side(np.array([0, 1]), np.array([0.1, 0.9]), np.array([False, True]))
    figures = paired_figures(stranger, right, labels, malignant, patients, classes=2)
    assert figures["accuracy"]["candidate"] == figures["balanced_accuracy"]["candidate"] == 0.5


# --- Real bundles on drawn photos ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return drawn.folder(tmp_path_factory.mktemp("data"), {"NEV": 5, "MEL": 5, "tinea": 2}, splits=("train", "test"))


def bundle(folder, seed: int, **files: str) -> Bundle:
    return Bundle.load(small_bundle.write(folder / str(seed), seed=seed, name=f"small-{seed}", texts=files))


def test_both_see_the_same_photos_of_classes_that_both_know(folder, tmp_path):
    engines = [Engine(bundle(tmp_path, seed)) for seed in (1, 2)]
    steps: list[tuple[int, int]] = []

    class Steps(Report):
        def step(self, stage, done, total, text=""):
            steps.append((done, total))

    result = compare(*engines, load(folder).split("test"), report=Steps())
    assert (result["n"], result["malignant_n"], result["classes"]) == (10, 5, ["MEL", "NEV"])
    assert result["left_out"] == {"tinea": 2}
    assert steps[0] == (1, 20)
    assert steps[-1] == (20, 20)
    itself = compare(engines[0], engines[0], load(folder).split("test"))
    for name, figure in itself["figures"].items():
        assert figure["difference"] == 0, name
    assert itself["figures"]["accuracy"]["difference_ci"][0] < -0.2


def test_photos_that_a_model_learned_from_are_counted(folder, tmp_path):
    whole = load(folder)
    hashes = {split: whole.split(split).photo_hashes() for split in ("train", "test")}
    taught = bundle(tmp_path, 3, **{TRAINING_PHOTOS_FILE: "\n".join([*hashes["train"], *hashes["test"][:3]])})
    assert (overlap(taught, whole, "test"), overlap(taught, whole, "train")) == (3, 12)
    clean = bundle(tmp_path, 5, **{TRAINING_PHOTOS_FILE: "\n".join(hashes["train"])})
    assert overlap(clean, whole, "test") == 0


def test_without_a_list_the_bundles_word_is_taken_and_else_nobody_knows(folder, tmp_path):
    whole = load(folder)
    training = {"manifest_sha256": whole.manifest_hash(), "splits": "train"}
    told = Bundle.load(small_bundle.write(tmp_path / "told", name="told", training=training))
    assert (overlap(told, whole, "train"), overlap(told, whole, "test")) == (12, None)


def test_without_a_common_class_there_is_nothing_to_compare(tmp_path):
    engine = Engine(bundle(tmp_path, 6))
    strange = load(drawn.folder(tmp_path / "data", {"tinea": 2, "wart": 2}, splits=("test",)))
    with pytest.raises(DataError, match="No photo of the test set has a class that both models know"):
        compare(engine, engine, strange)
