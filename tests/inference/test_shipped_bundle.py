"""The bundle in the repository: whole, small enough, and giving the answers it gave when it was committed."""

import pytest
from django.conf import settings
from django.core.management import call_command

from inference.answers import Answers
from inference.bundle import Bundle
from inference.engine import Engine
from tests.training import drawn

MEGABYTES = 40


@pytest.fixture(scope="module")
def bundle():
    return Bundle.load(settings.SHIPPED_BUNDLE)


@pytest.fixture(scope="module")
def engine(bundle):
    return Engine(bundle)


def test_it_is_whole_and_small(bundle):
    assert bundle.name == settings.SHIPPED_BUNDLE.name
    plots = {f"plot-{name}.svg" for name in ("confusion", "recall", "reliability", "coverage", "roc", "curves")}
    files = {"bundle.json", "model.onnx", "model.keras", "MODEL_CARD.md", "novelty.npz"}
    assert {each.name for each in bundle.path.iterdir()} == files | plots
    assert sum(each.stat().st_size for each in bundle.path.iterdir()) <= MEGABYTES * 1_000_000


def test_it_knows_the_six_classes_and_which_are_malignant(bundle):
    assert bundle.classes == ("ACK", "BCC", "MEL", "NEV", "SCC", "SEK")
    assert {each.code for each in bundle.conditions if each.malignant} == {"BCC", "MEL", "SCC"}


def test_it_names_what_it_was_made_from(bundle):
    attribution = "Trained on a subset of PAD-UFES-20 (Pacheco et al., 2020), CC BY 4.0; images resized and re-encoded."
    assert bundle.spec["licence"]["attribution"] == attribution
    assert "Apache License 2.0" in bundle.spec["licence"]["weights"]
    card = (bundle.path / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert attribution in card
    assert len(bundle.spec["training"]["manifest_sha256"]) == 64


def test_it_asks_only_honest_questions(bundle):
    """Nothing that follows the diagnosis rather than the patient: no sex, no skin type, no missing-value flag."""
    assert [name for name, _share in bundle.encoding.questions] == ["itch", "grew", "hurt", "changed", "bled", "raised"]
    assert bundle.encoding.width == 2 + len(bundle.encoding.sites) + 6


def test_its_thresholds_are_probabilities_in_order(bundle):
    assert 0 < bundle.conformal[90] < 0.5
    assert 0 < bundle.urgent_threshold < 0.5
    assert 0.2 < bundle.abstain_threshold < 0.9
    assert bundle.spec["thresholds"]["urgent"]["sensitivity"] >= 0.93


def test_it_is_better_than_the_baseline_of_frozen_features(bundle):
    """A linear head on frozen ImageNet features and honest answers, same source: accuracy 0.70, malignant AUC 0.89."""
    measured = bundle.spec["metrics"]["cross_validation"]
    assert measured["accuracy"] > 0.70
    assert measured["malignant_auc"] > 0.89


def test_it_claims_nothing_of_photos_that_it_learnt_from(bundle):
    assert bundle.spec["training"]["splits"] == "train,val"
    assert not {"val", "val_photo_alone"} & set(bundle.spec["metrics"])


def test_the_documents_quote_what_was_measured():
    call_command("figures", check=True)


@pytest.mark.parametrize(
    ("look", "answers", "expected"),
    [
        ("NEV", Answers(), {"ACK": 0.0187, "BCC": 0.0025, "MEL": 0.0464, "NEV": 0.8766, "SCC": 0.0065, "SEK": 0.0493}),
        ("MEL", Answers(), {"ACK": 0.0452, "BCC": 0.0074, "MEL": 0.2933, "NEV": 0.5708, "SCC": 0.0158, "SEK": 0.0675}),
        (
            "BCC",
            Answers(age=71, site="nose", bled=True, grew=True),
            {"ACK": 0.0832, "BCC": 0.1128, "MEL": 0.1508, "NEV": 0.5074, "SCC": 0.0254, "SEK": 0.1205},
        ),
    ],
)
def test_known_pictures_get_the_answers_they_got(engine, look, answers, expected):
    opinion = engine.classify(drawn.photo(look, 1, side=300), answers)
    assert opinion.probabilities == pytest.approx(expected, abs=2e-3)


def test_bleeding_speaks_for_a_carcinoma_and_youth_for_a_nevus(engine):
    photo = drawn.photo("NEV", 2, side=300)
    plain = engine.classify(photo).probabilities
    bled = engine.classify(photo, Answers(bled=True, age=75, site="nose")).probabilities
    young = engine.classify(photo, Answers(age=18, site="back")).probabilities
    assert bled["BCC"] + bled["SCC"] > plain["BCC"] + plain["SCC"]
    assert young["NEV"] > plain["NEV"]


def test_it_notices_that_a_drawing_is_no_photo(engine):
    assert engine.classify(drawn.photo("NEV", 1, side=300)).strange
