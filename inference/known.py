"""What is known of a registered model: its held-out figures, its bundle, its card."""

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
