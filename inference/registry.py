"""Which model versions exist, which one is active, and the loaded engine of each. promotion.py changes their state."""

import ctypes
import shutil
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from inference.bundle import Bundle, BundleError
from inference.engine import Engine
from inference.models import ModelState, ModelVersion


class NoActiveModel(Exception):
    """No model version is active, so nothing can be predicted."""


class RegistryError(Exception):
    """The wish cannot be carried out; the text says why, for people."""


def active() -> ModelVersion:
    """The active model version.

    Raises:
        NoActiveModel: none is active.
    """
    try:
        return ModelVersion.objects.get(state=ModelState.ACTIVE)
    except ModelVersion.DoesNotExist:
        raise NoActiveModel("No model is active. Promote one: `python manage.py models promote NAME`.") from None


def shadow() -> ModelVersion | None:
    """The version that scores new photos silently beside the active one."""
    return ModelVersion.objects.filter(state=ModelState.SHADOW).first()


def at_work() -> dict[str, ModelVersion]:
    """The active version and the shadow, by state, as far as there are any."""
    return {
        version.state: version
        for version in ModelVersion.objects.filter(state__in=[ModelState.ACTIVE, ModelState.SHADOW])
    }


def register(folder: Path) -> ModelVersion:
    """Adds the bundle in `folder` as a candidate and returns its row; the same bundle twice is one row.

    A bundle outside the project is copied to `BUNDLE_ROOT/<name>` first, so that a cleaned training folder
    cannot take a registered model away. The shipped bundle stays where the project has it.

    Raises:
        BundleError: the bundle is broken or was tampered with.
        RegistryError: another bundle has that name.
    """
    bundle = Bundle.load(folder)
    known = ModelVersion.objects.filter(sha256=bundle.sha256).first()
    if known:
        return known
    if ModelVersion.objects.filter(name=bundle.name).exists():
        raise RegistryError(f"Another model is called {bundle.name}. Train again with a new --name.")
    path = _keep(bundle)
    return ModelVersion.objects.create(
        name=bundle.name,
        path=str(path),
        sha256=bundle.sha256,
        classes=list(bundle.classes),
        metrics=bundle.spec.get("metrics", {}),
    )


def _keep(bundle: Bundle) -> Path:
    """The folder from which the bundle is served from now on, relative to the project where it lies inside."""
    source = bundle.path.resolve()
    if source.is_relative_to(settings.BASE_DIR / "inference"):
        return source.relative_to(settings.BASE_DIR)
    target = settings.BUNDLE_ROOT / bundle.name
    if source != target.resolve():
        partial = target.with_name(f".{bundle.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(source, partial)
        shutil.rmtree(target, ignore_errors=True)
        partial.replace(target)
    return target


def folder(version: ModelVersion) -> Path:
    """Where the bundle of `version` lies."""
    return settings.BASE_DIR / version.path


# A loaded network is 32 MB of a worker.
_engines: dict[tuple[Path, str], Engine] = {}


def _load(path: Path, sha256: str) -> Engine:
    bundle = Bundle.load(path)
    if bundle.sha256 != sha256:
        raise BundleError(f"The bundle in {path.name} is not the one that was registered.")
    return Engine(bundle)


def engine(version: ModelVersion) -> Engine:
    """The engine of `version`, which this process keeps once it is loaded.

    Before another one is loaded, those of versions that are out of work by now are let go (`let_go`).

    Raises:
        BundleError: the bundle is missing, broken, or not the one that was registered.
    """
    wanted = _bundle_of(version)
    found = _engines.get(wanted)
    if found is None:
        let_go()
        found = _engines[wanted] = _load(*wanted)
        _give_memory_back()
    return found


def let_go() -> None:
    """Forgets the engines of versions that are neither active nor the shadow, as after scoring old cases again."""
    kept = {_bundle_of(each) for each in at_work().values()}
    for other in [each for each in _engines if each not in kept]:
        _engines.pop(other, None)


def _bundle_of(version: ModelVersion) -> tuple[Path, str]:
    return folder(version), version.sha256


def _give_memory_back() -> None:
    """Loading a network takes 40 MB more than it keeps, and the C library would hold on to them for good."""
    # Another C library than glibc has no such call, or needs none.
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
