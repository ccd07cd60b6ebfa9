"""What the database knows of a model for its page, loaded at once: how many queries that takes depends on nothing.

What is counted for the page comes along with the rows of the models, as columns.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, Q, Subquery

from accounts.access import can
from accounts.models import Clinic, User
from accounts.roles import Capability
from cases.numbers import Number
from cases.worklist import second_looks
from inference import promotion
from inference.models import Activation, ActivationKind, Comparison, ModelState, ModelVersion
from training import access
from training.comparing import agreement
from training.data import snapshots

_MOST_COMPARISONS = 8


@dataclass(frozen=True)
class Training:
    """The run that made a model."""

    id: UUID
    by: str


@dataclass(frozen=True)
class BesideActive:
    """A model beside the active one: their comparisons, and what both said of the same photos, once it was asked."""

    comparisons: list[Comparison]
    decisive: Comparison | None
    pairs: list[agreement.Pair] | None


@dataclass(frozen=True)
class ShadowTime:
    """What there is to see of a model's time as the shadow before it is promoted."""

    was_shadow: bool
    progress: agreement.Progress
    pairs: list[agreement.Pair] | None  # None where it was asked about no photo


@dataclass(frozen=True)
class ModelFile:
    version: ModelVersion
    active: ModelVersion | None
    shadow: ModelVersion | None
    clinics: int  # how many there are
    withdrawn: int  # patients who took the consent back
    progress: agreement.Progress
    training_run: Training | None
    history: list[Activation]
    rescoring: dict[str, Any] | None  # None for who may not have cases scored again
    beside_active: BesideActive | None  # None for the active model, and where there is none

    @property
    def is_active(self) -> bool:
        return self.version == self.active


def find(person: User, clinic: Clinic | None, model_id: UUID) -> ModelFile | None:
    """The model with all that its page shows to `person`, who works in `clinic`; None if there is none."""
    of_clinics = access.counted_clinics(person)
    rescored = (
        second_looks.numbers(person, clinic, model_id)
        if clinic and can(person, clinic, Capability.RESCORE_CASES)
        else {}
    )
    runs = access.runs(person).filter(model_version=model_id)
    wanted = Q(id=model_id) | Q(state__in=[ModelState.ACTIVE, ModelState.SHADOW])
    found: list[Any] = list(
        # The columns are about the one model and the same in each row, so a database works them out once.
        ModelVersion.objects.filter(wanted).annotate(
            clinics=Number(Clinic.objects.order_by().values("pk")),
            withdrawn=Number(snapshots.withdrawn_from(model_id, of_clinics).values("pk")),
            run_id=Subquery(runs.values("id")[:1]),
            run_by=Subquery(runs.values("by")[:1]),
            **agreement.progress(model_id, of_clinics),
            **rescored,
        )
    )
    version = next((each for each in found if each.id == model_id), None)
    if version is None:
        return None
    by_state: dict[str, ModelVersion] = {each.state: each for each in found}
    active = by_state.get(ModelState.ACTIVE)
    counted = {name: getattr(version, name) for name in rescored}
    return ModelFile(
        version=version,
        active=active,
        shadow=by_state.get(ModelState.SHADOW),
        clinics=version.clinics,
        withdrawn=version.withdrawn,
        progress=agreement.Progress(version.silent_asked, version.silent_pending, version.silent_failed),
        training_run=Training(version.run_id, version.run_by) if version.run_id else None,
        history=list(version.activations.select_related("replaced")),
        rescoring=second_looks.context(person, clinic, version, counted) if clinic and counted else None,
        beside_active=_beside(version, active, of_clinics) if active and active != version else None,
    )


def shadow_time(person: User, version: ModelVersion, active: ModelVersion) -> ShadowTime:
    """How `version` has done beside `active` in the clinics of `person`; two queries."""
    of_clinics = access.counted_clinics(person)
    was_shadow = Exists(Activation.objects.filter(model_version=version, kind=ActivationKind.SHADOW_ON).order_by())
    counted: Any = ModelVersion.objects.annotate(
        was_shadow=was_shadow, **agreement.progress(version.id, of_clinics)
    ).get(id=version.id)
    return ShadowTime(
        was_shadow=counted.was_shadow,
        progress=agreement.Progress(counted.silent_asked, counted.silent_pending, counted.silent_failed),
        pairs=agreement.pairs_of(version, active, of_clinics) if counted.silent_asked else None,
    )


def agreement_shown(progress: agreement.Progress, pairs: list[agreement.Pair] | None) -> dict[str, Any]:
    """What templates/training/models/_agreement.html takes; empty for a model that has scored nothing silently."""
    if pairs is None:
        return {}
    return {
        "silent": progress,
        "agreement": agreement.with_active(pairs),
        "with_reads": agreement.with_reads(pairs),
    }


def _beside(version: Any, active: ModelVersion, clinics: access.ClinicIds) -> BesideActive:
    comparisons, decisive = promotion.newest_and_decisive(version, active, _MOST_COMPARISONS)
    pairs = agreement.pairs_of(version, active, clinics) if version.silent_asked else None
    return BesideActive(comparisons, decisive, pairs)
