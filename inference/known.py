"""What is known of a registered model: its held-out figures, its bundle, its card."""

import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from inference import registry
from inference.bundle import CARD_FILE, Bundle, BundleError
from inference.models import ModelVersion

# The figures that say most first: measured on patients that the model has never seen.
_SPLITS = ("test", "val", "cross_validation")


def headline(version: ModelVersion) -> tuple[str, dict[str, Any]]:
    """(split, figures) of the test that says most of `version`; ("", {}) where its bundle holds none."""
    for split in _SPLITS:
        if isinstance(found := version.metrics.get(split), dict):
            return split, found
    return "", {}


def bundle_of(version: ModelVersion) -> Bundle | None:
    """The verified bundle; None where this machine does not hold it, or not as it was registered."""
    try:
        return _bundle(registry.folder(version), version.sha256)
    except BundleError:
        return None


# What was found of each folder and hash: how the files looked, whether they are the bundle, and when they were read.
_checked: dict[tuple[Path, str], tuple[frozenset[tuple[str, int, int, int]], bool, float]] = {}
_CHECKED_AGAIN_AFTER = 60.0  # seconds; only what was not whole


def is_whole(version: ModelVersion) -> bool:
    """Whether this machine holds the bundle of `version` as it was registered: a worker could load it now.

    For who asks every few seconds. The files are read when one looks different than before, and what was not whole is
    after a minute, since a disk that failed to read looks as it did.
    """
    folder = registry.folder(version)
    try:
        looks = _looks(folder)
    except OSError:
        return False
    before, whole, at = _checked.get((folder, version.sha256), (frozenset(), False, 0.0))
    if before == looks and (whole or time.monotonic() - at < _CHECKED_AGAIN_AFTER):
        return whole
    try:
        whole = Bundle.load(folder).sha256 == version.sha256
    except BundleError:
        whole = False
    _checked[folder, version.sha256] = (looks, whole, time.monotonic())
    return whole


def _looks(folder: Path) -> frozenset[tuple[str, int, int, int]]:
    """Name, size, time of change and inode of each file."""
    found = ((path.name, path.stat()) for path in folder.iterdir())
    return frozenset((name, seen.st_size, seen.st_mtime_ns, seen.st_ino) for name, seen in found)


def card_of(bundle: Bundle) -> str:
    """MODEL_CARD.md; empty where the bundle has none."""
    if CARD_FILE not in bundle.spec["files"]:
        return ""
    return (bundle.path / CARD_FILE).read_text(encoding="utf-8")


@lru_cache(maxsize=8)
def _bundle(folder: Path, sha256: str) -> Bundle:
    # Kept, because checking it reads every file of it.
    bundle = Bundle.load(folder)
    if bundle.sha256 != sha256:
        raise BundleError(f"The bundle in {folder.name} is not the one that was registered.")
    return bundle
