"""Files of one photo: all of them whole under their names, on the disk, or none."""

from pathlib import Path

import pytest
from django.core.files.storage import InMemoryStorage

from cases.photo import storage
from cases.photo.storage import DurableFileSystemStorage, save_together

THREE = {"images/ab/one.jpg": b"1", "images/ab/one-upright.jpg": b"22", "images/ab/one-thumbnail.jpg": b"333"}


@pytest.fixture
def seen(monkeypatch) -> list[tuple[str, str]]:
    """What was flushed and what was renamed, in order."""
    done: list[tuple[str, str]] = []
    flush, replace = storage._flush, Path.replace

    def flushed(path: Path) -> None:
        done.append(("flush", path.name if not path.name.endswith(storage.PARTIAL) else "partial"))
        flush(path)

    def renamed(path: Path, target: Path) -> Path:
        done.append(("rename", target.name))
        return replace(path, target)

    monkeypatch.setattr(storage, "_flush", flushed)
    monkeypatch.setattr(Path, "replace", renamed)
    return done


def test_contents_are_on_the_disk_before_names_and_names_before_the_end(tmp_path, seen):
    DurableFileSystemStorage(tmp_path / "media").save_together(THREE)
    assert seen == [
        # New folders, each into the one that holds it.
        ("flush", tmp_path.name),
        ("flush", "media"),
        ("flush", "images"),
        *[("flush", "partial")] * 3,
        *[("rename", Path(name).name) for name in THREE],
        ("flush", "ab"),
    ]
    assert {name: (tmp_path / "media" / name).read_bytes() for name in THREE} == THREE


def test_a_disk_that_fails_leaves_no_half_file(tmp_path, monkeypatch):
    def full(path: Path) -> None:
        if path.name.endswith(storage.PARTIAL):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "_flush", full)
    with pytest.raises(OSError, match="No space"):
        DurableFileSystemStorage(tmp_path).save_together(THREE)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_files_and_folders_are_the_owners_alone(tmp_path, settings):
    DurableFileSystemStorage(tmp_path / "media").save_together(THREE)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "media").rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in (tmp_path / "media").rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o600}, {0o700})


def test_a_storage_that_knows_no_folders_takes_them_one_by_one(monkeypatch):
    other = InMemoryStorage()
    monkeypatch.setattr(storage, "default_storage", other)
    save_together(THREE)
    assert {name: other.open(name).read() for name in THREE} == THREE
