"""A photo's scale: what a line over a known length says, who may say it, and what is refused."""

import pytest
from auditlog.models import LogEntry
from django.db import IntegrityError
from django.urls import reverse

from cases.errors import Refused
from cases.models import LesionImage
from cases.photo import scale
from tests.cast import waiting_case

pytestmark = pytest.mark.django_db


@pytest.fixture
def image(alma):
    return waiting_case(alma).images.get()  # 1200 x 900


def test_a_line_over_a_ruler_gives_the_scale_with_who_and_when(alma, image):
    scale.set_scale(image, pixels=240, millimetres=10, by=alma.doctor)

    image.refresh_from_db()
    assert image.pixels_per_mm == pytest.approx(24)
    assert image.scale_set_by == alma.doctor
    assert image.scale_set_at is not None
    assert scale.said(image).startswith(f"Scale: 24.0 pixels per mm, by {alma.doctor}, ")

    set_at = image.scale_set_at
    scale.clear_scale(image, by=alma.staff)
    image.refresh_from_db()
    assert (image.pixels_per_mm, image.scale_set_by) == (None, alma.staff)
    assert image.scale_set_at > set_at
    assert scale.said(image).startswith(f"Scale unknown: taken away by {alma.staff}, ")
    scale.clear_scale(image, by=alma.lead)  # nothing is there to take away
    image.refresh_from_db()
    assert image.scale_set_by == alma.staff


def test_the_audit_log_keeps_each_change_of_a_scale(alma, sign_in, image):
    address = reverse("photo_scale", args=[image.id])
    sign_in(alma.doctor).post(address, {"pixels": "100", "millimetres": "5"})
    sign_in(alma.staff).post(address, {})
    kept = [
        (entry.actor, entry.changes_dict["pixels_per_mm"])
        for entry in LogEntry.objects.get_for_object(image).order_by("id")
        if "pixels_per_mm" in entry.changes_dict and entry.action == LogEntry.Action.UPDATE
    ]
    assert kept == [(alma.doctor, ["None", "20.0"]), (alma.staff, ["20.0", "None"])]


@pytest.mark.parametrize(
    ("pixels", "millimetres", "code"),
    [
        (19, 10, "line"),
        (1501, 10, "line"),  # longer than the photo's diagonal
        (float("nan"), 10, "line"),
        (240, 0, "length"),
        (240, -1, "length"),
        (240, 501, "length"),
        (240, float("inf"), "length"),
    ],
)
def test_what_cannot_be_is_refused(alma, image, pixels, millimetres, code):
    with pytest.raises(Refused) as refusal:
        scale.set_scale(image, pixels=pixels, millimetres=millimetres, by=alma.doctor)

    assert refusal.value.code == code
    image.refresh_from_db()
    assert image.pixels_per_mm is None


def test_a_scale_without_who_and_when_is_refused_by_the_database(alma, image):
    with pytest.raises(IntegrityError):
        LesionImage.objects.filter(id=image.id).update(pixels_per_mm=10)


def test_the_door_takes_a_decimal_comma_and_says_what_is_wrong(alma, sign_in, image):
    client = sign_in(alma.doctor)
    address = reverse("photo_scale", args=[image.id])

    assert client.post(address, {"pixels": "100", "millimetres": "2,5"}).json()["pixels_per_mm"] == 40.0
    refused = client.post(address, {"pixels": "100", "millimetres": "coin"})
    assert refused.status_code == 422
    assert "millimetres" in refused.json()["error"]
    cleared = client.post(address, {}).json()
    assert cleared["pixels_per_mm"] is None
    assert cleared["said"].startswith(f"Scale unknown: taken away by {alma.doctor}")
