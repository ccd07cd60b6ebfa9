"""Advice on photos: given where a photo was spoilt on purpose, and only there."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from cases.pixels import drawing, picture, quality
from cases.pixels import remarks as remarks_in_words
from tests.cases import pictures


def remarks(photo: Image.Image) -> list[str]:
    return picture.read(pictures.as_jpeg(photo), "a.jpg").remarks


@pytest.mark.parametrize("kind", drawing.LOOKS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_good_photo_gets_no_remark(kind, seed):
    assert remarks(drawing.draw(kind, seed=seed, width=900, height=700)) == []


@pytest.mark.parametrize("tone", drawing.SKIN_TONES)
def test_no_skin_tone_is_too_dark_or_too_bright(tone):
    assert not {"too_dark", "too_bright", "blurred"} & set(remarks(drawing._skin(tone, 700, 600, 4)))


def test_a_blurred_photo_is_remarked():
    assert remarks(pictures.drawn().filter(ImageFilter.GaussianBlur(8))) == ["blurred"]


def test_a_small_soft_copy_is_small_and_not_blurred():
    assert remarks(pictures.drawn().resize((386, 300), Image.Resampling.LANCZOS)) == ["small"]


def test_a_dark_photo_is_remarked():
    assert remarks(ImageEnhance.Brightness(pictures.drawn()).enhance(0.2)) == ["too_dark"]


def test_a_burnt_out_photo_is_remarked():
    assert "too_bright" in remarks(ImageEnhance.Brightness(pictures.drawn()).enhance(2.2))


def test_a_lesion_in_the_distance_is_remarked_of_close_ups_only():
    far = Image.new("RGB", (1200, 900))
    far.paste(drawing._skin(drawing.SKIN_TONES[1], 1200, 900, 4))
    lesion = pictures.drawn().resize((300, 233))
    far.paste(lesion.crop((75, 50, 225, 183)), (500, 350))
    assert remarks(far) == ["too_far"]
    scores = picture.read(pictures.as_jpeg(far), "a.jpg").quality
    assert quality.score(scores) == scores[quality.DISTANCE] < 0.5
    assert quality.score(scores, is_close_up=False) > 0.5


def test_scores_are_shares_and_fall_with_each_fault():
    good = quality.parts(pictures.drawn(), 700)
    assert tuple(good) == quality.PARTS
    assert all(0 <= value <= 1 for value in good.values())
    faults = {
        quality.SHARPNESS: pictures.drawn().filter(ImageFilter.GaussianBlur(6)),
        quality.BRIGHTNESS: ImageEnhance.Brightness(pictures.drawn()).enhance(0.2),
        quality.HIGHLIGHTS: ImageEnhance.Brightness(pictures.drawn()).enhance(2.2),
    }
    for part, spoilt in faults.items():
        assert quality.parts(spoilt, 700)[part] < good[part] - 0.3
    assert quality.parts(pictures.drawn(), 210)[quality.SIZE] < good[quality.SIZE] - 0.3
    assert quality.score({}) is None


@pytest.mark.parametrize(("short_side", "is_poor"), [(200, True), (240, True), (260, True), (300, False), (450, False)])
def test_a_photo_smaller_than_what_the_network_looks_at_is_poor(short_side, is_poor):
    """One of 300 pixels is remarked, and stays good enough."""
    small = pictures.drawn().resize((short_side * 9 // 7, short_side), Image.Resampling.LANCZOS)
    taken = picture.read(pictures.as_jpeg(small), "a.jpg")
    assert (taken.quality[quality.SIZE] < remarks_in_words.POOR) is is_poor
    assert (remarks_in_words.in_a_word(quality.score(taken.quality)) == "Poor photo quality") is is_poor
    assert ("small" in taken.remarks) is (short_side < remarks_in_words.SMALL_SIDE)


def test_what_is_counted_is_what_numpy_would_find():
    picture = ImageEnhance.Brightness(pictures.drawn().resize((311, 256))).enhance(1.7)
    pixels, grey = np.asarray(picture), np.asarray(picture.convert("L"))
    for share in (0.0, 0.5, 0.95, 1.0):
        counted = quality._percentile(np.bincount(grey.ravel()), share)
        assert counted == pytest.approx(np.percentile(grey, 100 * share))
    burnt = float((pixels.max(axis=2) >= quality._BURNT_OUT).mean())
    assert 0 < burnt < 1
    assert quality.unburnt(picture) == pytest.approx(
        1 / (1 + (burnt / quality._HALF_BURNT) ** quality._BURNT_STEEPNESS)
    )


def test_steepness_is_that_of_the_lifted_grey():
    picture = ImageEnhance.Brightness(pictures.drawn().resize((256, 300))).enhance(0.6)
    grey = np.asarray(picture, np.float64).mean(axis=2)
    lifted = grey * quality._USUAL_GREY / np.median(grey)
    right = np.sort(np.abs(lifted[1:-1, 2:] + lifted[1:-1, :-2] - 2 * lifted[1:-1, 1:-1]).ravel())
    down = np.sort(np.abs(lifted[2:, 1:-1] + lifted[:-2, 1:-1] - 2 * lifted[1:-1, 1:-1]).ravel())
    steepest = [values[int(0.995 * (values.size - 1))] for values in (right, down)]
    found = quality.features(picture)[quality.SHARPNESS]
    # Features are logarithms; the steepest of four directions is at least that of these two.
    assert found[0] <= np.log(min(steepest) + 0.3) + 1e-6
    assert found[1] >= np.log(max(steepest) + 0.3) - 1e-6


def test_remarks_are_sentences_with_a_remedy():
    said = remarks_in_words.sentences([*remarks_in_words.SENTENCES, "from_the_future"])
    assert [code for code, _sentence in said] == list(remarks_in_words.SENTENCES)
    assert all(sentence.endswith(".") for _code, sentence in said)
    words = {remarks_in_words.in_a_word(score) for score in (None, 0.2, 0.6, 0.95)}
    assert len(words) == 4
