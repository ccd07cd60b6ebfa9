import io
import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from inference import registry
from inference.models import Comparison
from tests.inference import small_bundle
from tests.training import drawn
from training.comparison import Judged, compare


def model(predicted, urgent) -> Judged:
    """Six photos; the first three are cancers (class 1)."""
    labels = np.array([1, 1, 1, 0, 0, 0])
    predicted, urgent = np.array(predicted), np.array(urgent, bool)
    return Judged(predicted, labels, labels == 1, urgent, urgent * 0.8 + 0.1, 2)


PATIENTS = ["a", "b", "c", "d", "e", "f"]


@pytest.mark.one_pair
def test_the_difference_is_candidate_less_baseline():
    candidate = model([1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0])
    baseline = model([1, 0, 0, 0, 0, 1], [1, 1, 0, 0, 0, 0])
    found = compare(candidate, baseline, PATIENTS)
    figures = found["figures"]
    assert figures["accuracy"]["difference"] == pytest.approx(5 / 6 - 3 / 6)
    assert figures["malignant_sensitivity"]["difference"] == pytest.approx(1 - 2 / 3)
    assert figures["malignant_specificity"]["difference"] == pytest.approx(2 / 3 - 1)
    assert found["cancers_flagged"] == {"both": 2, "only_candidate": 1, "only_baseline": 0, "neither": 0}
    assert found["right"] == {"both": 3, "only_candidate": 2, "only_baseline": 0, "neither": 1}
    assert (found["n"], found["malignant_n"]) == (6, 3)


@pytest.mark.one_pair
def test_a_model_beside_itself_differs_by_nothing_for_sure():
    same = model([1, 0, 1, 0, 1, 0], [1, 1, 0, 0, 1, 0])
    for row in compare(same, same, PATIENTS)["figures"].values():
        assert row["difference"] == 0
        assert row["difference_ci"] == [0, 0]


@pytest.fixture
def two(tmp_path, settings, db):
    """An active model and a candidate of the same classes, and drawn photos."""
    settings.BUNDLE_ROOT = tmp_path / "bundles"
    settings.BUNDLE_ROOT.mkdir()
    for name, seed in (("old", 3), ("new", 4)):
        registry.register(small_bundle.write(tmp_path / name, seed=seed, name=name))
    registry.promote("old", reason="First", by="somebody")
    return drawn.folder(tmp_path / "data", {"NEV": 8, "MEL": 8, "BCC": 8})


def run(*arguments, **options) -> str:
    said = io.StringIO()
    call_command("compare", *arguments, stdout=said, **options)
    return said.getvalue()


def test_the_command_stores_what_it_says(two, tmp_path):
    said = run("new", data=two, split="val", json=tmp_path / "c.json")
    stored = Comparison.objects.get()
    assert (stored.candidate.name, stored.baseline.name, stored.data) == ("new", "old", "data, val")
    assert json.loads((tmp_path / "c.json").read_text()) == stored.figures
    assert "new and old on 24 photos of 24 patients" in said
    assert "Cancers flagged by new alone" in said


def test_photos_that_a_model_learnt_from_are_refused(two, tmp_path, settings):
    from training.classes import code_of
    from training.datasets import load

    learnt = {"manifest_sha256": load(two, code_of).manifest_hash(), "splits": "train,val"}
    registry.register(small_bundle.write(tmp_path / "wise", seed=5, name="wise", training=learnt))
    with pytest.raises(CommandError, match="wise learnt from these very photos"):
        run("wise", data=two, split="val")
    assert not Comparison.objects.exists()


def test_a_model_is_not_compared_with_itself_or_nobody(two):
    with pytest.raises(CommandError, match="with itself"):
        run("old", data=two, split="val")
    with pytest.raises(CommandError, match="no model called nobody"):
        run("nobody", data=two, split="val")
