"""A run that was killed goes on where it was, and ends as if nothing had been.

Keras is imported where it is used: every process of the suite imports this module, and one runs it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.training import drawn
from training.data.datasets import DataError, load
from training.fitting import pace
from training.network import checkpoints
from training.network.checkpoints import Checkpoints
from training.progress import Curve, Report, Stage
from training.recipe import Options, Recipe, quick_recipe

if TYPE_CHECKING:
    import keras

RNG = np.random.default_rng(3)
FEATURES = RNG.normal(size=(3, 80, 1, 1, 6)).astype(np.float16)
LABELS = (FEATURES[0, :, 0, 0, 0] + RNG.normal(size=80) > 0).astype(int)
EVERYONE, HELD = np.arange(60), np.arange(60, 80)


class Killed(Exception):
    pass


def tail() -> keras.Model:
    import keras

    keras.utils.set_random_seed(1)
    start = keras.Input((1, 1, 6))
    return keras.Model(start, keras.layers.Dense(2)(keras.layers.Dense(8)(keras.layers.Flatten()(start))))


def tuned(folder: Path, *, epochs: int = 9, kill_after: int = 0) -> tuple[Curve, list[np.ndarray]]:
    from training.network import tuning

    kept = Checkpoints(folder, seconds_between=0)
    trained = tail()

    def told(epoch: int, curve: Curve) -> None:
        if epoch == kill_after:
            raise Killed

    recipe = Recipe(epochs=epochs, learning_rate=0.05)
    curve = tuning.tune(trained, FEATURES, LABELS, EVERYONE, HELD, recipe, 5, told, kept)
    return curve, trained.get_weights()


@pytest.mark.parametrize("kill_after", [1, 5])
def test_a_fit_that_was_killed_ends_as_if_nothing_had_been(tmp_path, kill_after):
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    expected, weights = tuned(tmp_path / "whole")
    with pytest.raises(Killed):
        tuned(tmp_path / "killed", kill_after=kill_after)
    curve, again = tuned(tmp_path / "killed", kill_after=kill_after)
    np.testing.assert_allclose(curve.loss, expected.loss, atol=1e-6)
    np.testing.assert_allclose(curve.held_loss, expected.held_loss, atol=1e-6)
    for one, other in zip(again, weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    # A third call finds it done: not an epoch more, and the same weights.
    finished, same = tuned(tmp_path / "killed", kill_after=1)
    assert finished == curve
    assert all(np.array_equal(one, other) for one, other in zip(same, again, strict=True))


def test_a_checkpoint_that_was_cut_short_is_none(tmp_path):
    kept = Checkpoints(tmp_path)
    kept.save("fit", {"a": np.arange(3)})
    whole = (tmp_path / "fit.npz").read_bytes()
    (tmp_path / "fit.npz").write_bytes(whole[: len(whole) // 2])
    assert kept.load("fit") == {}
    assert kept.load("other") == {}


def test_views_that_were_computed_are_not_computed_again(tmp_path, monkeypatch):
    from training.network import tuning
    from training.network.architecture import Network, build

    network = Network("student", build("student", 2, 3).model, 64, "input")
    pixels = np.random.default_rng(1).integers(0, 255, (5, 64, 64, 3), dtype=np.uint8)
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    expected = tuning.cache_features(network, pixels, 4, 7, tmp_path / "whole", Report())

    class Kill(Report):
        def step(self, stage, done, total, text=""):
            if done > 10:
                raise Killed

    with pytest.raises(Killed):
        tuning.cache_features(network, pixels, 4, 7, tmp_path / "killed", Kill())
    seen = []
    monkeypatch.setattr(Report, "step", lambda self, stage, done, total, text="": seen.append(done))
    found = tuning.cache_features(network, pixels, 4, 7, tmp_path / "killed", Report())
    assert seen == [15, 20]
    assert np.array_equal(found, expected)


# --- The folder of a run -------------------------------------------------------------------------------------------


@pytest.fixture
def options(tmp_path) -> Options:
    data = drawn.folder(tmp_path / "data", {"NEV": 2, "MEL": 2})
    return Options(data=data, name="one", out=tmp_path / "var/one", recipe=quick_recipe(), malignant=("MEL",))


def test_what_was_asked_for_is_known_again(options, tmp_path):
    assert options.data
    with pytest.raises(Killed), checkpoints.of_run(options, load(options.data)):
        raise Killed
    assert checkpoints.unfinished(tmp_path / "var") == options
    assert checkpoints.unfinished(tmp_path / "var", "two") is None
    with checkpoints.of_run(options, load(options.data)) as kept:
        assert kept.folder.is_dir()
    assert not kept.folder.exists()


def test_other_data_or_options_are_not_mixed_in(options, tmp_path):
    assert options.data
    with pytest.raises(Killed), checkpoints.of_run(options, load(options.data)):
        raise Killed
    other = drawn.folder(tmp_path / "other", {"NEV": 2, "BCC": 2})
    for wanted, data in ((replace(options, seed=2), options.data), (options, other)):
        with pytest.raises(DataError, match="holds an unfinished run on other data or with other options"):
            checkpoints.of_run(wanted, load(data)).__enter__()


def test_two_processes_do_not_train_the_same(options):
    assert options.data
    with (
        checkpoints.of_run(options, load(options.data)),
        pytest.raises(DataError, match="is being trained by another process"),
    ):
        checkpoints.of_run(options, load(options.data)).__enter__()


# --- Time left -----------------------------------------------------------------------------------------------------


def test_time_left_follows_what_was_measured():
    now = [0.0]
    told = pace.Pace(clock=lambda: now[0])
    assert told.seconds_left() is None
    told.plan([Stage("Features", 100, 0.1), Stage("Fold 1 of 2", 10, 1.0), Stage("Fold 2 of 2", 10, 1.0)])
    told.step("Features", 1, 100)
    assert told.seconds_left() == pytest.approx(30, rel=0.05)
    now[0] = 20.0  # twice as slow as guessed
    told.step("Features", 100, 100)
    assert told.seconds_left() == pytest.approx(40, rel=0.05)
    told.step("Fold 1 of 2", 0, 10)
    now[0] = 25.0  # and this five times as fast as that
    told.step("Fold 1 of 2", 10, 10)
    assert told.seconds_left() == pytest.approx(5, rel=0.2)
    assert told.share() == pytest.approx(25 / 30, rel=0.05)
