"""Held-out results must not know the photos they are measured on."""

from pathlib import Path

import numpy as np
import pytest

from inference.answers import AnswerEncoding
from tests.training import drawn
from training.datasets import decode, load
from training.progress import Report
from training.recipe import Options, Recipe

pytestmark = [pytest.mark.training, pytest.mark.one_pair]


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    """A cross-validation of the small network, with the weights that each fold started from."""
    from training import crossvalidation
    from training.network import build, input_size

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
