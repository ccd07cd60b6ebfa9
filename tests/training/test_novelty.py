import numpy as np
import pytest
from PIL import Image

from training.data.datasets import DataError
from training.photo_checks import novelty

pytestmark = pytest.mark.one_pair


@pytest.fixture(scope="module")
def lesions():
    return np.random.default_rng(1).normal(0, 1, (200, 20)) @ np.diag(np.linspace(2, 0.2, 20))


@pytest.fixture(scope="module")
def strangers():
    """Two kinds: one off to a side within the usual spread, one far away in a narrow direction."""
    rng = np.random.default_rng(2)
    near, far = rng.normal(0, 0.3, (40, 20)), rng.normal(0, 0.3, (40, 20))
    near[:, 3] += 8
    far[:, 19] += 3
    return np.concatenate([near, far]), np.repeat(["near", "far"], 40), np.tile([True, False], 40)


FOLDS = np.arange(200) % 5
PATIENTS = [str(number) for number in range(200)]


def test_about_the_promised_share_of_lesions_is_flagged(lesions, strangers):
    threshold, scores = novelty.held_out_threshold(lesions, FOLDS, strangers[0])
    assert (scores >= threshold).mean() == pytest.approx(novelty.FLAGGED, abs=0.01)


def test_distance_alone_notices_what_is_far(lesions, strangers):
    features, kinds, _learnt = strangers
    check = novelty.fit(lesions, None)
    assert not check.direction.any()
    limit = np.quantile(check.score(lesions), 0.98)
    assert (check.score(features[kinds == "far"]) > limit).all()
    assert (check.score(features[kinds == "near"]) > limit).mean() < 1


def test_figures_are_of_strangers_that_were_not_learnt(lesions, strangers):
    features, kinds, learnt = strangers
    found = novelty.figures(lesions, FOLDS, PATIENTS, features, kinds, learnt)
    assert set(found["kinds"]) == {"near", "far"}
    for row in found["kinds"].values():
        assert row["n"] == 20
        assert row["auroc_ci"][0] <= row["auroc"] <= row["auroc_ci"][1]
    assert found["kinds"]["near"]["auroc"] > 0.9
    # Left out of the fit, a kind is harder to notice, and the figures say so.
    assert found["kinds"]["near"]["auroc_unseen"] < found["kinds"]["near"]["auroc"]
    assert found["lesions"] == 200


def test_without_strangers_there_are_no_figures_of_kinds(lesions):
    found = novelty.figures(lesions, FOLDS, PATIENTS, None, None, None)
    assert found["kinds"] == {}
    assert found["threshold"] > 0


def test_pictures_are_found_by_kind_and_broken_ones_listed(tmp_path):
    for split, kind in (("train", "hand"), ("val", "hand"), ("train", "wall")):
        (tmp_path / split / kind).mkdir(parents=True)
        Image.new("RGB", (30, 20), (200, 150, 120)).save(tmp_path / split / kind / "a.png")
    (tmp_path / "train/wall/b.jpg").write_bytes(b"no picture")
    found = novelty.load_strangers(tmp_path, 16)
    assert found.pixels.shape == (3, 16, 16, 3)
    assert sorted(zip(found.splits, found.kinds, strict=True)) == [
        ("train", "hand"),
        ("train", "wall"),
        ("val", "hand"),
    ]
    assert found.broken == ("train/wall/b.jpg",)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="pictures without a lesion"):
        novelty.load_strangers(tmp_path, 16)
