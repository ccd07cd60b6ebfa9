"""Which bundle a command means: a name, a folder, the active model, or the shipped one."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import DatabaseError

from inference import registry
from inference.bundle import Bundle
from inference.models import ModelVersion


class ModelNotFound(Exception):
    """No such model; one sentence says what there is."""


def chosen_bundle(model: str | None = None) -> Bundle:
    """The bundle of a registered name or of a folder; without either the active model, else the shipped bundle.

    Works without a migrated database, for the shipped bundle and for folders.
    Raises BundleError for a bundle that cannot be used, ModelNotFound for a name that is not registered.
    """
    if model and (Path(model) / "bundle.json").is_file():
        return Bundle.load(Path(model))
    try:
        version = ModelVersion.objects.filter(name=model).first() if model else registry.active()
    except (DatabaseError, registry.NoActiveModel):
        version = None
    if version is not None:
        return Bundle.load(registry.folder(version))
    if model and model != settings.SHIPPED_BUNDLE.name:
        raise ModelNotFound(f"There is no model called {model}: `python manage.py models list` names them.")
    return Bundle.load(settings.SHIPPED_BUNDLE)
