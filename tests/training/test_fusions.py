"""Ways of joining photo and answers, on made-up predictions: what they find, and that no photo is judged by its own."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from scipy.optimize import check_grad

from inference.answers import AnswerEncoding, Answers
from inference.statistics import bootstrap
from tests.training import drawn
from training.data.datasets import load
from training.measuring import fusions
from training.measuring.calibration import fit_fusion
from training.measuring.fusions import SHIPPED, Case, Way, fit, held_out, measure_ways
from training.measuring.predictions import Predictions

MALIGNANT = np.array([False, True, True])


def made_up(n: int = 120, seed: int = 0) -> Case:
    """Three classes; the photo hints at each, and bleeding together with itching speaks for the last."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    told = []
    for label in labels:
        itch = bool(rng.random() < 0.5)
        both = label == 2
        told.append(Answers(age=int(rng.integers(20, 90)), itch=itch, bled=itch if both else not itch))
    encoding = AnswerEncoding.fit(told)
    photo = rng.normal(0, 1, (1, n, 3)) + 1.2 * np.eye(3)[labels]
    fold = (np.arange(n) % 3)[None]
    answers = np.stack([encoding.encode(each) for each in told])
    return Case(photo, fold, answers, encoding, labels, MALIGNANT, [f"p{i // 2}" for i in range(n)])


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    """Intervals from fewer resamplings: these tests are not about their width."""
    monkeypatch.setattr(fusions, "bootstrap", partial(bootstrap, rounds=60))


def test_the_first_way_is_what_ships():
    case = made_up()
    shipped = fit_fusion(case.photo[0], case.answers, case.labels, case.encoding, 1, SHIPPED.tilt)
    ours = fit(SHIPPED, case.photo[0], case.answers, case.labels, case.encoding, MALIGNANT, 1)
    expected = shipped.probabilities(case.photo[0], case.answers)
    assert ours(case.photo[0], case.answers) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(
    "way",
    [
        Way("classes", matrix="classes", cancer=2.0),
        Way("full", matrix="full", cancer=0.5, answers="products"),
        Way("photo alone", answers="none"),
    ],
)
def test_every_slope_is_that_of_its_loss(way, monkeypatch):
    """What the minimiser is told agrees with finite differences at a point that is not the start."""
    seen = {}

    def minimize(loss, start, **_others):
        point = start + np.random.default_rng(1).normal(0, 0.1, len(start))
        seen["error"] = check_grad(lambda x: loss(x)[0], lambda x: loss(x)[1], point)
        return type("Found", (), {"x": point})

    monkeypatch.setattr("scipy.optimize.minimize", minimize)
    case = made_up(24)
    fit(way, case.photo[0], case.answers, case.labels, case.encoding, MALIGNANT, 1)
    assert seen["error"] < 1e-5


def test_products_find_what_two_answers_say_together_only():
    rows = list(measure_ways(made_up(240), [SHIPPED, Way("products", answers="products", ridge=1.0)]))
    assert rows[0]["accuracy_more"] == 0.0
    low, _high = rows[1]["accuracy_more_ci"]
    assert low > 0


def test_a_photo_is_judged_by_what_was_fitted_without_it():
    case = made_up()
    before = held_out(case, SHIPPED, 1)
    lied_about = replace(case, labels=np.where(case.fold[0] == 0, (case.labels + 1) % 3, case.labels))
    after = held_out(lied_about, SHIPPED, 1)
    first = case.fold[0] == 0
    assert np.array_equal(before[0][first], after[0][first])
    assert not np.allclose(before[0][~first], after[0][~first])


def test_the_command_measures_kept_predictions(tmp_path, capsys):
    data = load(drawn.folder(tmp_path / "drawn", {"NEV": 9, "MEL": 9}))
    rng = np.random.default_rng(0)
    labels = np.array([data.labels.index(each.label) for each in data.examples])
    photo = (rng.normal(0, 1, (2, len(labels), 2)) + np.eye(2)[labels]).astype(np.float32)
    fold = np.stack([rng.permutation(np.arange(len(labels)) % 3) for _repeat in range(2)])
    files = np.array([each.file for each in data.examples])
    kept = Predictions(files, np.array(data.labels), photo, fold)
    kept.save(tmp_path / "kept.npz")
    assert np.array_equal(Predictions.load(tmp_path / "kept.npz").photo, photo)

    call_command("fusions", predictions=tmp_path / "kept.npz", data=tmp_path / "drawn", only="tilt 0")
    said = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in said[1:]] == ["as shipped", "tilt 0", "tilt 0.3", "tilt 0.8"]

    Predictions(np.append(files[1:], "val/NEV/gone.png"), kept.codes, photo, fold).save(tmp_path / "kept.npz")
    with pytest.raises(CommandError, match=r"does not hold val/NEV/gone\.png"):
        call_command("fusions", predictions=tmp_path / "kept.npz", data=tmp_path / "drawn")
    (tmp_path / "kept.npz").write_text("no predictions")
    with pytest.raises(CommandError, match="does not hold predictions"):
        call_command("fusions", predictions=tmp_path / "kept.npz", data=tmp_path / "drawn")
