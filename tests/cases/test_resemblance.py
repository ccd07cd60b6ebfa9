"""Photos that are almost the same as one in the record: noticed where it helps, and nobody is named."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image, ImageEnhance

from cases.models import Case, LesionImage
from cases.photo import intake
from cases.pixels import drawing, likeness
from cases.record import lifecycle
from tests.cases import pictures
from tests.cast import make_case, make_patient

HASHES = some.integers(-(2**63), 2**63 - 1)


def take(case: Case, picture: Image.Image, *, quality: int = 90, **options: object) -> LesionImage:
    data = pictures.as_jpeg(picture, quality=quality)
    return intake.accept(case, io.BytesIO(data), name="a.jpg", by=case.created_by, **options)


def smaller(seed: int = 3) -> Image.Image:
    """As a messenger sends it on: half the size, a little brighter."""
    return ImageEnhance.Brightness(pictures.drawn(seed=seed).resize((450, 350))).enhance(1.05)


@pytest.fixture
def case(alma) -> Case:
    return make_case(alma)


@pytest.mark.django_db
def test_a_copy_in_the_same_case_is_taken_and_remarked_until_the_other_is_removed(case):
    first, copy = take(case, pictures.drawn()), take(case, smaller(), quality=60)
    assert (copy.resembles, "like_one_here" in copy.remarks) == (first, True)
    assert "like_one_here" not in first.remarks
    intake.remove(first)
    assert "like_one_here" not in LesionImage.objects.get(id=copy.id).remarks


@pytest.mark.django_db
def test_an_old_photo_sent_for_a_new_visit_is_remarked(case):
    take(case, pictures.drawn())
    visit = lifecycle.log_case(lesion=case.lesion, by=case.created_by)
    assert "like_an_earlier" in take(visit, smaller()).remarks
    assert not take(visit, drawing.draw("MEL", seed=1)).resembles


@pytest.mark.django_db
def test_a_copy_under_another_patient_is_taken_with_a_warning_that_names_nobody(alma, case, sign_in):
    take(make_case(alma, patient=make_patient(alma, family_name="Hidden", mrn="HID-1")), pictures.drawn())
    data = io.BytesIO(pictures.as_jpeg(smaller()))
    data.name = "b.jpg"
    response = sign_in(alma.staff).post(f"/cases/{case.id}/photos/", {"file": data})
    assert response.status_code == 201
    (warning,) = [each for each in response.json()["remarks"] if each["code"] == "like_another_patients"]
    assert "right patient" in warning["sentence"]
    assert "Hidden" not in response.text
    assert "HID-1" not in response.text
    other = LesionImage.objects.exclude(case=case).get()
    assert str(other.id) not in response.text


@pytest.mark.django_db
def test_who_insisted_is_not_warned_again_and_other_clinics_are_never_asked(alma, brno, case):
    take(make_case(brno), pictures.drawn())
    assert not take(case, smaller()).resembles
    assert not take(make_case(alma), pictures.drawn(), even_if_elsewhere=True).resembles


@pytest.mark.django_db
def test_different_lesions_are_not_alike(case):
    for kind in drawing.LOOKS:
        assert not take(case, drawing.draw(kind, seed=3)).resembles


def test_a_picture_of_one_colour_has_no_look():
    assert likeness.look(Image.new("RGB", (400, 300), (200, 150, 130))) is None


@given(HASHES, some.sets(some.integers(0, 63), max_size=likeness.SAME))
def test_whatever_is_near_enough_shares_a_band(hashed, flipped):
    other = hashed
    for bit in flipped:
        other ^= 1 << bit
    assert likeness.difference(hashed, other) == len(flipped)
    assert any(one == two for one, two in zip(likeness.bands(hashed), likeness.bands(other), strict=True))
    assert all(0 <= band < 2**16 for band in likeness.bands(hashed))
