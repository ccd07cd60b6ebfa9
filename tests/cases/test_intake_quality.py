"""Advice on photos: given where a photo was spoilt on purpose, and only there."""

import pytest
from PIL import Image, ImageEnhance, ImageFilter

from cases.demo import drawing
from cases.photo import picture, quality
from tests.cases import pictures


def remarks(photo: Image.Image) -> list[str]:
    return picture.read(pictures.as_jpeg(photo), "a.jpg").remarks


@pytest.mark.parametrize("kind", drawing.LOOKS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_good_photo_gets_no_remark(kind, seed):
    assert remarks(drawing.draw(kind, seed=seed, width=900, height=700)) == []


@pytest.mark.parametrize("tone", drawing.SKIN_TONES)
def test_no_skin_tone_is_too_dark_or_too_bright(tone):
    assert remarks(drawing._skin(tone, 700, 600, 4)) == []


def test_a_blurred_photo_is_remarked():
    assert remarks(pictures.drawn().filter(ImageFilter.GaussianBlur(8))) == ["blurred"]


def test_a_small_soft_copy_is_small_and_not_blurred():
    assert remarks(pictures.drawn().resize((386, 300), Image.Resampling.LANCZOS)) == ["small"]


def test_a_dark_photo_is_remarked():
    assert remarks(ImageEnhance.Brightness(pictures.drawn()).enhance(0.2)) == ["too_dark"]


def test_a_burnt_out_photo_is_remarked():
    assert "too_bright" in remarks(ImageEnhance.Brightness(pictures.drawn()).enhance(2.2))


def test_every_remark_has_a_sentence():
    assert quality.sentences([*quality.SENTENCES, "from_the_future"]) == [
        str(text) for text in quality.SENTENCES.values()
    ]
