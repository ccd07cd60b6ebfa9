import json

import pytest
from django.core.management import CommandError, call_command

from tests.inference import small_bundle
from tests.training import drawn


@pytest.fixture
def bundle(tmp_path):
    return str(small_bundle.write(tmp_path))


@pytest.fixture
def photo(tmp_path):
    drawn.photo("MEL", 1).save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


def asked(capsys, photo, bundle, **answers):
    call_command("classify", photo, model=bundle, json=True, **answers)
    return json.loads(capsys.readouterr().out)


def test_json_holds_the_whole_opinion(capsys, photo, bundle):
    opinion = asked(capsys, photo, bundle)
    assert opinion["model"] == "small-1"
    assert set(opinion["probabilities"]) == {"NEV", "MEL", "BCC"}
    assert sum(opinion["probabilities"].values()) == pytest.approx(1)
    assert set(opinion) >= {"answer_set", "malignant_probability", "urgent", "uncertain", "bundle_sha256"}


def test_answers_count_and_unknown_ones_do_not(capsys, photo, bundle):
    plain = asked(capsys, photo, bundle)
    assert asked(capsys, photo, bundle, bled="unknown", age="unknown") == plain
    assert asked(capsys, photo, bundle, bled="yes", age="63")["probabilities"] != plain["probabilities"]


def test_words_for_people(capsys, photo, bundle):
    call_command("classify", photo, model=bundle)
    said = capsys.readouterr().out
    assert "Melanoma" in said
    assert "It supports a decision and does not make one." in said


def test_a_wrong_answer_is_refused_in_words(photo, bundle):
    with pytest.raises(CommandError, match=r"^“bled” must be yes, no or unknown, not “often”\.$"):
        call_command("classify", photo, model=bundle, bled="often")


def test_what_is_no_photo_is_refused_in_words(tmp_path, bundle):
    (tmp_path / "note.txt").write_text("no photo")
    for name in ("note.txt", "absent.jpg"):
        with pytest.raises(CommandError, match=rf"{name} cannot be read as a photo\.$"):
            call_command("classify", str(tmp_path / name), model=bundle)


@pytest.mark.django_db
def test_an_unknown_model_is_refused_in_words(photo):
    with pytest.raises(CommandError, match=r"^There is no model called nobody: `python manage\.py models list`"):
        call_command("classify", photo, model="nobody")
