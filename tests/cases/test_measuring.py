"""Old photos get what new ones are measured by."""

import io

import pytest
from django.core.management import call_command

from cases.models import LesionImage
from cases.photo import intake, measuring, resemblance
from cases.pixels import likeness
from tests.cases import pictures
from tests.cast import make_case, make_image, photo

pytestmark = pytest.mark.django_db


@pytest.fixture
def old(alma) -> list[LesionImage]:
    """Three photos as they were before they were measured, and what intake says of them today."""
    case = make_case(alma)
    dark = pictures.as_jpeg(pictures.drawn().point(lambda level: level // 6))
    taken = [
        intake.accept(case, io.BytesIO(data), name="a.jpg", by=case.created_by)
        for data in (photo(), photo(seed=4), dark)
    ]
    LesionImage.objects.update(quality={}, quality_remarks=["several_pictures"], **resemblance.fields(None))
    return taken


def test_they_are_measured_as_if_they_came_today(old, capsys):
    call_command("measure_photos")
    assert "3 photos measured." in capsys.readouterr().out
    for before in old:
        now = LesionImage.objects.get(id=before.id)
        # The copy is a JPEG of what intake measured.
        assert now.quality == pytest.approx(before.quality, abs=0.1)
        assert likeness.difference(now.look, before.look) <= likeness.SAME
        assert now.look_band_3 is not None
        assert now.quality_remarks == [*before.quality_remarks, "several_pictures"]
    call_command("measure_photos")
    assert "0 photos measured." in capsys.readouterr().out


def test_a_run_that_was_stopped_goes_on(old):
    run = measuring.measure_all()
    assert next(run).measured == 1
    run.close()
    assert measuring.unmeasured().count() == 2
    *_, last = measuring.measure_all()
    assert (last.total, last.measured) == (2, 2)


def test_one_whose_file_is_gone_holds_nobody_up(old, capsys):
    make_image(old[0].case)
    old[0].derivative.storage.delete(old[0].derivative.name)
    call_command("measure_photos")
    out = capsys.readouterr().out
    assert "2 photos measured." in out
    assert "2 could not be read" in out
