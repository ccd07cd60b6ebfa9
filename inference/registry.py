"""Which model versions exist, which one is active, and the loaded engine of each."""

import shutil
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from inference.bundle import Bundle, BundleError
from inference.engine import Engine
from inference.models import Activation, Comparison, ModelState, ModelVersion

# Below this many malignant photos a comparison cannot say that a model misses no more cancers.
FEWEST_MALIGNANT = 30


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


def named(name: str) -> ModelVersion:
    """The version called `name`.

    Raises:
        RegistryError: there is none.
    """
    version = ModelVersion.objects.filter(name=name).first()
    if version is None:
        raise RegistryError(f"There is no model called {name}. `python manage.py models list` names them.")
    return version


def promote(name: str, *, reason: str, by: str, uncompared: bool = False) -> ModelVersion:
    """Makes the version called `name` the active one and logs it; running workers follow at their next prediction.

    A model takes another's place only with a comparison on the same photos in which it misses no more cancers.
    Exempt are the first model of an installation, one that was active before, and whoever says `uncompared`, which
    stands in the log.

    Raises:
        RegistryError: no such version, no reason, no comparison that speaks for it, or its bundle does not load.
    """
    if not reason.strip():
        raise RegistryError("Say why: the reason stands in the log.")
    with transaction.atomic():
        # All rows, in one order: two who promote at once wait for each other, and the second sees what the first did.
        rows = {each.name: each for each in ModelVersion.objects.select_for_update().order_by("id")}
        version = rows.get(name)
        if version is None:
            raise RegistryError(f"There is no model called {name}. `python manage.py models list` names them.")
        try:
            Bundle.load(folder(version))
        except BundleError as error:
            raise RegistryError(f"{name} cannot be promoted: {error}") from error
        previous = next((each for each in rows.values() if each.state == ModelState.ACTIVE), None)
        if previous == version:
            return version
        comparison = None
        if previous and uncompared:
            reason = f"Without a comparison: {reason}"[:500]
        elif previous and not Activation.objects.filter(Q(model_version=version) | Q(replaced=version)).exists():
            comparison = _favourable(version, previous)
        if previous:
            previous.state = ModelState.RETIRED
            previous.save(update_fields=["state"])
        version.state = ModelState.ACTIVE
        version.activated_at = timezone.now()
        version.save(update_fields=["state", "activated_at"])
        Activation.objects.create(model_version=version, replaced=previous, comparison=comparison, reason=reason, by=by)
    return version


def _favourable(candidate: ModelVersion, baseline: ModelVersion) -> Comparison:
    """The latest comparison of both, if the candidate misses no more cancers in it.

    Raises:
        RegistryError: it does, or nobody can say.
    """
    latest = Comparison.objects.filter(candidate=candidate, baseline=baseline).order_by("-at", "-id").first()
    if latest is None:
        raise RegistryError(
            f"{candidate} was not compared with {baseline}, which is active: `python manage.py compare {candidate} "
            "--data DIR --split NAME` first."
        )
    found = latest.figures["figures"]["malignant_sensitivity"]
    if latest.figures["malignant_n"] < FEWEST_MALIGNANT or found["difference"] is None:
        raise RegistryError(
            f"Too few to say: {candidate} and {baseline} were compared on {latest.figures['malignant_n']} malignant "
            f"photos, and it takes {FEWEST_MALIGNANT}. Compare them on more."
        )
    if found["difference"] < 0:
        raise RegistryError(
            f"{candidate} finds fewer cancers: {found['candidate']:.1%} of {latest.figures['malignant_n']} where "
            f"{baseline} finds {found['baseline']:.1%} ({latest.data})."
        )
    return latest


def rollback(*, reason: str, by: str) -> ModelVersion:
    """Goes back to the version that the active one replaced.

    Raises:
        RegistryError: nothing came before.
    """
    latest = Activation.objects.filter(model_version__state=ModelState.ACTIVE).order_by("-at").first()
    if latest is None or latest.replaced is None:
        raise RegistryError("There is no earlier model to go back to.")
    return promote(latest.replaced.name, reason=reason, by=by)


@lru_cache(maxsize=3)
def _engine(path: Path, sha256: str) -> Engine:
    bundle = Bundle.load(path)
    if bundle.sha256 != sha256:
        raise BundleError(f"The bundle in {path.name} is not the one that was registered.")
    return Engine(bundle)


def engine(version: ModelVersion) -> Engine:
    """The engine of `version`, loaded once a process.

    Raises:
        BundleError: the bundle is missing, broken, or not the one that was registered.
    """
    return _engine(folder(version), version.sha256)
