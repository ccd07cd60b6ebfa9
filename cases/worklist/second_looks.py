"""Signed cases that a model calls urgent and no model has flagged: listed for a lead, and ticked off.

Either a newer model said so, asked silently about what was signed; or the AI that readers see did, too late for them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery

from accounts.models import Clinic, User
from cases import access
from cases.models import Case, CaseState, Consent, NotificationKind, Prediction, PredictionState
from cases.models.rescoring import Rescoring, SecondLook
from cases.notifications import telling
from cases.numbers import Number
from cases.prediction import opinions
from cases.prediction.rescoring import unscored
from cases.worklist import listing
from inference.models import ModelState, ModelVersion


def _flags_anew(
    person: access.Person, clinic: Clinic, version: ModelVersion | UUID
) -> tuple[QuerySet[Case], QuerySet[Prediction]]:
    """The clinic's signed cases that `version` alone would flag urgent, and what it flags one for, likeliest first."""
    urgent = Prediction.every.filter(
        image__case=OuterRef("pk"),
        image__removed_at__isnull=True,
        model_version=version,
        state=PredictionState.DONE,
        urgent=True,
    ).order_by("-malignant_probability")
    found = access.cases(person).filter(
        Exists(urgent),
        clinic=clinic,
        state=CaseState.SIGNED,
        flagged_by_ai=False,
        lesion__patient__ai_consent=Consent.GRANTED,
    )
    return found, urgent


def newly_flagged(person: access.Person, clinic: Clinic, version: ModelVersion) -> QuerySet[Case]:
    """The clinic's signed cases that `version` would flag urgent and no model has flagged; the likeliest first.

    Each has the `malignant_probability` and `ranking` of the photo that it would be flagged for, `looks` (its
    SecondLook, if any, in a list) and what `listing.conclusion` needs.
    """
    found, urgent = _flags_anew(person, clinic, version)
    looks = SecondLook.objects.filter(model_version=version).select_related("by")
    return (
        listing.with_conclusion(found)
        .annotate(
            malignant_probability=Subquery(urgent.values("malignant_probability")[:1]),
            ranking=Subquery(urgent.values("probabilities")[:1]),
            looked_at=Subquery(looks.filter(case=OuterRef("pk")).values("at")[:1]),
        )
        .select_related("lesion__patient")
        .prefetch_related(Prefetch("second_looks", looks, to_attr="looks"))
        .order_by(F("looked_at").asc(nulls_first=True), "-malignant_probability", "id")
    )


def to_look_at(person: access.Person, clinic: Clinic, *, late: bool) -> QuerySet[Case]:
    """The clinic's signed cases that want a second look and that nobody has looked at since.

    Args:
        late: those whose urgent opinion came after the signature (cases/prediction/flags.py), whether its model is
            still in use or retired: people were told of it. Otherwise those that a model in use or on trial would flag
            by what it said silently; what a retired one said so concerns nobody.
    """
    return access.cases(person).filter(
        Exists(_flags_unseen(late=late).filter(image__case=OuterRef("pk"))),
        clinic=clinic,
        state=CaseState.SIGNED,
        flagged_by_ai=False,
        lesion__patient__ai_consent=Consent.GRANTED,
    )


def flagging(person: access.Person, clinic: Clinic, *, late: bool) -> ModelVersion | None:
    """The newest of the models that flag any of the cases `to_look_at`."""
    flags = _flags_unseen(late=late).filter(image__case__in=to_look_at(person, clinic, late=late))
    newest = flags.order_by("-model_version__created_at").select_related("model_version").first()
    return newest.model_version if newest else None


def _flags_unseen(*, late: bool) -> QuerySet[Prediction]:
    seen = SecondLook.objects.filter(case=OuterRef("image__case"), model_version=OuterRef("model_version"))
    in_question = Q(model_version__state__in=[ModelState.CANDIDATE, ModelState.SHADOW, ModelState.ACTIVE])
    return Prediction.every.filter(
        Q(silent=False) if late else Q(silent=True) & in_question,
        ~Exists(seen),
        image__removed_at__isnull=True,
        state=PredictionState.DONE,
        urgent=True,
    )


@dataclass(frozen=True)
class Flagged:
    """One case that a new model would flag urgent, as a list shows it."""

    case: Case
    malignant_percent: str
    condition: str  # the new model's first
    conclusion: str  # what the case was signed as
    look: SecondLook | None


def rows(found: Iterable[Case]) -> list[Flagged]:
    """Rows of cases from `newly_flagged`."""
    names = opinions.condition_names()
    return [_row(case, names) for case in found]


def _row(case: Any, names: dict[str, str]) -> Flagged:
    code = case.ranking[0][0]
    return Flagged(
        case=case,
        malignant_percent=opinions.percent(case.malignant_probability),
        condition=names.get(code, code),
        conclusion=listing.conclusion(case),
        look=case.looks[0] if case.looks else None,
    )


def look_at(case: Case, version: ModelVersion, by: User) -> SecondLook:
    """Ticks a case off; whoever did so first stays named, and nobody need be told of it any more."""
    look, _created = SecondLook.objects.get_or_create(case=case, model_version=version, defaults={"by": by})
    telling.settle(NotificationKind.FLAGGED_LATE, case)
    return look


def look_again(case: Case, version: ModelVersion) -> None:
    """Takes the tick back, which the audit log remembers."""
    for look in SecondLook.objects.filter(case=case, model_version=version):
        look.delete()


def numbers(person: access.Person, clinic: Clinic, version: ModelVersion | UUID) -> dict[str, Number]:
    """What is left to score, and how many cases wait for a second look, as columns of whichever query asks for them."""
    flagged, _urgent = _flags_anew(person, clinic, version)
    looks = SecondLook.objects.filter(case=OuterRef("pk"), model_version=version)
    return {
        "unscored": Number(unscored(clinic, version).values("pk")),
        "flagged": Number(flagged.order_by().values("pk")),
        "flagged_unseen": Number(flagged.filter(~Exists(looks)).order_by().values("pk")),
    }


def context(
    person: access.Person, clinic: Clinic, version: ModelVersion, counted: dict[str, int] | None = None
) -> dict[str, Any]:
    """What pages show of it: the newest job, and the `numbers`, `counted` where the page has asked for them already."""
    job = Rescoring.objects.filter(clinic=clinic, model_version=version).first()
    known: Any = counted or Clinic.objects.values(**numbers(person, clinic, version)).get(id=clinic.id)
    return {
        "rescoring": job,
        "rescoring_percent": round(100 * min(job.done, job.total) / job.total) if job and job.total else 100,
        **known,
    }
