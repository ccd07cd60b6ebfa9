"""How good a model is for whom, and when it cannot be said."""

import numpy as np

from inference.answers import Answers
from training.data.datasets import Example
from training.measuring.groups import by_group


def photo(age: int | None, skin: str | None = None, site: str | None = "nose", **groups: str) -> Example:
    if skin is not None:
        groups["fitspatrick"] = skin
    return Example("x", "NEV", "p", "val", Answers(age=age, site=site), groups)


MALIGNANT = np.array([False, True])


def found(examples: list[Example], labels: list[int], risk: list[float], threshold: float | np.ndarray = 0.3):
    risks = np.array(risk)
    return by_group(examples, np.array(labels), np.stack([1 - risks, risks], axis=1), MALIGNANT, threshold)


def test_figures_with_their_n_and_nothing_below_twenty():
    examples = [photo(30, "2.0")] * 40 + [photo(85, "")] * 19
    labels = [1] * 20 + [0] * 20 + [1] * 19
    risk = [0.9] * 15 + [0.4] * 3 + [0.1] * 2 + [0.1] * 20 + [0.9] * 19
    groups = found(examples, labels, risk)
    young, old = groups["age"]["0-39"], groups["age"]["80+"]
    assert (young["n"], young["accuracy"], young["malignant_n"], young["malignant_sensitivity"]) == (
        40,
        35 / 40,
        20,
        0.9,
    )
    low, high = young["malignant_sensitivity_ci"]
    assert 0.69 < low < 0.9 < high < 0.98
    assert (old["n"], old["accuracy"], old["malignant_n"], old["malignant_sensitivity_ci"]) == (19, None, 19, None)
    assert groups["skin_type"]["II"] == young
    assert groups["skin_type"]["unknown"] == old


def test_a_group_may_have_enough_photos_and_too_few_cancers():
    groups = found([photo(50)] * 30, [1] * 5 + [0] * 25, [0.9] * 30)
    band = groups["age"]["40-59"]
    assert (band["accuracy"], band["malignant_sensitivity"]) == (5 / 30, None)


def test_columns_are_named_once_however_the_data_write_them():
    written = [photo(1, sex="female"), photo(2, gender="FEMALE"), photo(3, sex=""), photo(4, fitzpatrick="VI")]
    written += [photo(5, "3"), photo(6, "3.0"), photo(7, "dark"), photo(8, "9")]
    groups = found(written, [0] * 8, [0.0] * 8)
    assert {value: row["n"] for value, row in groups["sex"].items()} == {"female": 2, "unknown": 1}
    assert {value: row["n"] for value, row in groups["skin_type"].items()} == {"III": 2, "VI": 1, "unknown": 2}
    assert list(groups) == ["skin_type", "age", "site", "sex"]
    assert "skin_type" not in found([photo(5)], [0], [0.0])


def test_the_order_is_from_low_to_high_and_sites_by_their_number():
    examples = [photo(85, site="back"), photo(10, site="ear"), photo(None, site=None), photo(45, site="ear")]
    groups = found(examples, [0] * 4, [0.0] * 4)
    assert list(groups["age"]) == ["0-39", "40-59", "80+", "unknown"]
    assert list(groups["site"]) == ["ear", "back", "unknown"]


def test_each_photo_may_have_a_threshold_of_its_own():
    groups = found([photo(50)] * 20, [1] * 20, [0.5] * 20, np.array([0.4] * 10 + [0.6] * 10))
    assert groups["age"]["40-59"]["malignant_sensitivity"] == 0.5
