"""Registering what was trained here, with the snapshot that it was made from."""

from pathlib import Path

from inference import registry
from inference.bundle import Bundle
from inference.models import ModelVersion
from training.models import Snapshot


def register(folder: Path) -> ModelVersion:
    """Registers a trained bundle as a candidate, and notes which snapshot of signed cases it was made with.

    Raises:
        BundleError, RegistryError: see inference.registry.register.
    """
    version = registry.register(folder)
    training = Bundle.load(folder).spec.get("training", {})
    if "snapshot" in training:
        # A bundle that came from elsewhere names a snapshot that this database does not know.
        version.snapshots.set(Snapshot.objects.filter(id=training["snapshot"]["id"]))
    return version
