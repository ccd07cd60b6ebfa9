"""The photos that measurements send."""

import hashlib
import io

import pytest
from PIL import Image

from benchmarks import photos
from benchmarks.client import form
from cases.pixels import jpeg


def test_a_drawn_photo_has_the_pixels_and_about_the_bytes_that_were_asked_for() -> None:
    width, height, weight = photos.SMALL
    data = photos.drawn(width, height, weight, seed=1)
    assert Image.open(io.BytesIO(data)).size == (width, height)
    assert len(data) == pytest.approx(weight, rel=photos.TOLERANCE)


def test_the_same_pixels_as_other_files_are_the_same_photo_without_metadata() -> None:
    data = photos.drawn(300, 300, 30_000)
    first, second = photos.unlike(data, 1), photos.unlike(data, 2)
    assert hashlib.sha256(first).digest() != hashlib.sha256(second).digest()
    assert jpeg.without_metadata(first) == jpeg.without_metadata(second) == jpeg.without_metadata(data)


def test_a_form_holds_the_photo_as_it_is() -> None:
    assert b"\r\n\r\n\xff\xd8 photo \xff\xd9\r\n--" in form(b"\xff\xd8 photo \xff\xd9", case="7")
