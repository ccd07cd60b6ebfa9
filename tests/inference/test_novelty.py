from dataclasses import replace

import numpy as np
import pytest

from inference.bundle import NOVELTY_FILE, Bundle, BundleError
from inference.engine import Engine
from inference.novelty import Novelty
from tests.inference import small_bundle
from tests.inference.test_engine import drawn

pytestmark = pytest.mark.one_pair


def novelty(scale: float = 1.0, push: float = 0.0) -> Novelty:
    return Novelty(np.zeros(4, np.float32), np.eye(4, 2, dtype=np.float32) * scale, np.full(4, push, np.float32))


def test_the_score_is_a_squared_distance_and_a_push():
    check = replace(novelty(push=0.5), centre=np.array([1, 0, 0, 0], np.float32))
    assert check.score(np.array([1, 0, 0, 0], np.float32)) == 0
    # Away by (2, 3, 1, 0): 4 + 9 in the two axes, and half of the sum.
    assert check.score(np.array([3, 3, 1, 0], np.float32)) == pytest.approx(13 + 3)
    assert check.score(np.zeros((5, 4), np.float32)).shape == (5,)


def test_it_survives_its_file(tmp_path):
    novelty(2.0, 0.1).save(tmp_path / "novelty.npz")
    found = Novelty.load(tmp_path / "novelty.npz")
    for name in ("centre", "axes", "direction"):
        assert np.array_equal(getattr(found, name), getattr(novelty(2.0, 0.1), name))


@pytest.mark.parametrize(
    "arrays", [{"centre": np.zeros(4)}, {"centre": np.zeros(4), "axes": np.zeros((3, 2)), "direction": np.zeros(4)}]
)
def test_a_file_of_another_shape_is_refused(tmp_path, arrays):
    np.savez(tmp_path / "novelty.npz", **arrays)
    with pytest.raises(ValueError, match=r"novelty\.npz"):
        Novelty.load(tmp_path / "novelty.npz")


@pytest.mark.parametrize(("scale", "strange"), [(1e-4, False), (1e4, True)])
def test_an_opinion_says_whether_the_picture_looks_strange(tmp_path, scale, strange):
    engine = Engine(Bundle.load(small_bundle.write(tmp_path, novelty=novelty(scale))))
    opinion = engine.classify(drawn())
    assert opinion.strange is strange
    assert (opinion.novelty >= small_bundle.NOVELTY_THRESHOLD) is strange


def test_an_older_bundle_makes_no_claim(tmp_path):
    opinion = Engine(Bundle.load(small_bundle.write(tmp_path))).classify(drawn())
    assert opinion.novelty is None
    assert opinion.strange is False


def test_a_tampered_check_is_refused(tmp_path):
    folder = small_bundle.write(tmp_path, novelty=novelty())
    novelty(5.0).save(folder / NOVELTY_FILE)
    with pytest.raises(BundleError, match="was changed or damaged"):
        Bundle.load(folder)
