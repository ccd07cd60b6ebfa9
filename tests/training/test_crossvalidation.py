"""Held-out results must not know the photos they are measured on."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from inference.answers import AnswerEncoding
from inference.statistics import bootstrap
from tests.training import drawn
from training.data.datasets import decode, load
from training.measuring.predictions import Predictions
from training.progress import Report
from training.recipe import Options, Recipe, changed, student_recipe

pytestmark = [pytest.mark.training, pytest.mark.one_pair]


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    """A cross-validation of the small network, with the weights that each fold started from."""
    from training.fitting import crossvalidation
    from training.network.architecture import build, input_size

    data = load(drawn.folder(tmp_path_factory.mktemp("data"), {"NEV": 9, "MEL": 9}, photos_per_patient=3))
    _kept, pixels, _broken = decode(data, input_size("student"))
    labels = np.array([data.labels.index(example.label) for example in data.examples])
    network = build("student", 2, AnswerEncoding.fit([example.answers for example in data.examples]).width)
    views = pixels[None].astype(np.float16) / 255
    starts, chosen = [], []
    tune_average = crossvalidation.tune_average

    def recorded(tail, features, labels, rest, held, *others):
        starts.append([variable.numpy() for variable in tail.trainable_variables])
        chosen.append((rest, held))
        return tune_average(tail, features, labels, rest, held, *others)

    options = Options(Path(), "n", Path(), network="student", folds=3, recipe=Recipe(epochs=2, fits=2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crossvalidation, "tune_average", recorded)
        result = crossvalidation.cross_validate(network, views, labels, data, options, Report())
    return data, result, starts, chosen, network


def test_every_fold_starts_from_the_same_weights(crossed):
    _data, _result, starts, _chosen, network = crossed
    assert len(starts) == 3
    after = [variable.numpy() for variable in network.tail().trainable_variables]
    for start in (*starts[1:], after):
        assert all(np.array_equal(one, other) for one, other in zip(starts[0], start, strict=True))


def test_no_patient_is_on_both_sides(crossed):
    data, _result, _starts, chosen, _network = crossed
    patients = np.array([example.patient for example in data.examples])
    for rest, held in chosen:
        assert not set(patients[rest]) & set(patients[held])
        assert len(rest) + len(held) == len(patients)


def test_every_photo_is_asked_about_once_and_every_fit_has_a_curve(crossed):
    _data, result, _starts, chosen, _network = crossed
    assert sorted(np.concatenate([held for _rest, held in chosen])) == list(range(len(result.photo)))
    assert np.abs(result.photo).sum(axis=1).min() > 0
    assert len(result.curves) == 6


def test_a_measurement_goes_on_where_it_was_broken_off_and_keeps_what_was_said(tmp_path, monkeypatch):
    """By the options of `crossvalidate`: nothing is fitted twice, and what is kept is what was measured."""
    from training.data.classes import describe
    from training.fitting import crossvalidation, train
    from training.measuring import metrics

    monkeypatch.setattr(metrics, "bootstrap", partial(bootstrap, rounds=4))
    folder = drawn.folder(tmp_path / "data", {"NEV": 6, "MEL": 6}, splits=("train",))
    data = load(folder)
    classes, _unsaid = describe(data.labels)
    recipe = changed(student_recipe(), ["views=2", "epochs=2", "learning_rate=1e-3"])
    options = Options(folder, "n", Path(), network="student", folds=2, recipe=recipe)
    kept, work = tmp_path / "kept.npz", tmp_path / "work"
    epochs: list[str] = []

    class Told(Report):
        def step(self, stage, done, total, text=""):
            if stage.startswith("Fold"):
                epochs.append(stage)

    def measure(told: Report, repeats: int) -> dict:
        return train.measure_recipe(options, data, classes, repeats, told, kept, tmp_path / "plots", work)

    fitted = crossvalidation.tune_average

    def broken_off(*arguments):
        if "Fold 2" in arguments[8]:
            raise KeyboardInterrupt
        return fitted(*arguments)

    monkeypatch.setattr(crossvalidation, "tune_average", broken_off)
    with pytest.raises(KeyboardInterrupt):
        measure(Told(), 1)
    assert len(epochs) == 2
    monkeypatch.setattr(crossvalidation, "tune_average", fitted)
    first = measure(Told(), 1)
    assert epochs == ["Fold 1 of 2"] * 2 + ["Fold 2 of 2"] * 2
    again = measure(Told(), 2)
    assert len(epochs) == 8, "the second repeat alone is fitted"
    assert first["groups"] == again["groups"]
    assert first["groups"]["age"]["40-59"]["accuracy"] is None
    assert {each.stem for each in (tmp_path / "plots").iterdir()} >= {"confusion", "groups", "curves"}
    predictions = Predictions.load(kept)
    assert predictions.photo.shape == (2, 12, 2)
    assert sorted(predictions.files) == sorted(each.file for each in data.examples)
    assert not np.array_equal(predictions.fold[0], predictions.fold[1])


@pytest.mark.parametrize(
    ("wish", "sentence"), [("depth=3", "A recipe has no “depth”"), ("views=many", "“many” is no number for views")]
)
def test_a_recipe_is_changed_in_what_it_has(wish, sentence):
    with pytest.raises(ValueError, match=sentence):
        changed(Recipe(), [wish])
