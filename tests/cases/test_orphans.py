"""Files that no row names: nothing is removed at once, and nothing is touched where it is the rows that are missing."""

import io
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils import timezone

from cases import tasks
from cases.models import LesionImage
from cases.photo import intake, orphans
from skinclinic import checks
from tests.cast import make_case, photo

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(days=3)


@pytest.fixture
def image(alma) -> LesionImage:
    case = make_case(alma)
    return intake.accept(case, io.BytesIO(photo()), name="a.jpg", by=case.created_by)


@pytest.fixture
def later(monkeypatch):
    """later(days) -> what the time is from then on."""
    real = timezone.now

    def _later(days: float) -> None:
        monkeypatch.setattr(orphans.timezone, "now", lambda: real() + timedelta(days=days))

    return _later


def old_file(path: str) -> str:
    name = default_storage.save(path, ContentFile(path.encode()))
    long_ago = (timezone.now() - LONG_AGO).timestamp()
    os.utime(default_storage.path(name), (long_ago, long_ago))
    return name


def old_photos(number: int) -> set[str]:
    return {old_file(f"images/{each:02x}/photo.jpg") for each in range(number)}


def files(settings) -> set[str]:
    root: Path = settings.MEDIA_ROOT
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_an_empty_database_beside_a_full_folder_moves_nothing(settings):
    standing = old_photos(5)
    with pytest.raises(orphans.Doubtful, match="no photo at all"):
        orphans.sweep()
    tasks.sweep_orphans()
    assert files(settings) == standing


def test_too_many_at_once_are_doubted_and_said(image, settings, capsys):
    old_photos(19)
    assert orphans.sweep() == orphans.Swept(set_aside=19, put_back=0, removed=0)
    standing = files(settings) | old_photos(20)
    with pytest.raises(CommandError, match="20 of 23 files"):
        call_command("sweep_orphans")
    assert files(settings) == standing
    [warning] = checks.the_record_knows_its_photos(None)
    assert "20 of 23" in warning.msg
    assert "DATABASE_URL" in warning.hint

    call_command("sweep_orphans", "--force")
    assert "20 moved aside" in capsys.readouterr().out
    assert checks.the_record_knows_its_photos(None) == []


def test_many_are_not_doubted_where_they_are_a_small_share(image, monkeypatch):
    monkeypatch.setattr(orphans, "DOUBTFUL_SHARE", 0.9)
    old_photos(20)
    assert orphans.sweep().set_aside == 20


def test_an_empty_database_is_swept_by_force_alone(settings):
    old_photos(2)
    assert orphans.sweep(force=True).set_aside == 2


def test_old_orphans_are_moved_aside_and_nothing_else(image, settings, capsys):
    removed = intake.accept(image.case, io.BytesIO(photo(seed=5)), name="b.jpg", by=image.created_by)
    intake.remove(removed)
    standing = files(settings) | {default_storage.save("images/ab/young.jpg", ContentFile(b"x"))}
    old_file("images/ab/abandoned.jpg")
    old_file("images/ab/.0123.partial")

    call_command("sweep_orphans")
    assert "2 moved aside, 0 put back, 0 removed" in capsys.readouterr().out
    aside = f"images/.orphans/{timezone.now().date()}/ab"
    assert files(settings) == standing | {f"{aside}/abandoned.jpg", f"{aside}/.0123.partial"}
    assert orphans.sweep() == orphans.Swept(0, 0, 0)


def test_what_lies_aside_is_removed_after_thirty_days_with_its_folders(image, settings, later):
    standing = files(settings)
    old_file("images/ab/abandoned.jpg")
    orphans.sweep()
    later(days=29)
    assert orphans.sweep().removed == 0
    later(days=30)
    assert orphans.sweep().removed == 1
    assert files(settings) == standing
    assert not list((settings.MEDIA_ROOT / orphans.ASIDE).iterdir())


def test_what_a_row_names_again_is_put_back(image, later, settings):
    """An older backup was in the database for some weeks, and then the right one came back."""
    standing = files(settings)
    for path in standing:
        os.utime(default_storage.path(path), (0, 0))
    row = LesionImage.objects.filter(id=image.id)
    elsewhere = {"original": "images/x/1", "derivative": "images/x/2", "thumbnail": "images/x/3"}
    row.update(**elsewhere)
    assert orphans.sweep().set_aside == 3
    assert not files(settings) & standing

    row.update(original=image.original, derivative=image.derivative, thumbnail=image.thumbnail)
    later(days=31)  # nothing is removed before what has a row is put back
    assert orphans.sweep() == orphans.Swept(set_aside=0, put_back=3, removed=0)
    assert files(settings) == standing


def test_doubt_stops_the_removal_too(image, later, settings):
    old_photos(3)
    orphans.sweep()
    LesionImage.objects.all().delete()
    later(days=40)
    with pytest.raises(orphans.Doubtful):
        orphans.sweep()
    assert len(files(settings)) == 6


def test_nothing_is_known_of_a_doubt_while_the_cache_is_down(monkeypatch, image):
    monkeypatch.setattr(cache, "get", lambda *_: 1 / 0)
    assert orphans.doubt() is None
