"""What an urgent opinion of the AI does to its case, while the case is open and after it was signed."""

from django.db.models import QuerySet

from cases.models import Case, CaseState, Prediction, PredictionState, Urgency
from cases.notifications import telling
from inference.models import ModelVersion


def said_urgent(case: Case, version: ModelVersion) -> None:
    """An opinion that readers see calls `case`, locked, urgent: it is flagged, and those are told who must know.

    A signed case is not: a flag that nobody has seen would pass for one that its reader has overruled. So it is among
    the signed cases that want a second look (cases/worklist/second_looks.py), and whoever signed it hears of it. A
    withdrawn case can be restored, and is flagged as an open one is.
    """
    if case.state != CaseState.SIGNED:
        _flag(case)
    elif not case.flagged_by_ai:
        telling.flagged_after_signing(case, version)


def reopened(case: Case) -> None:
    """The signature of `case`, locked, was taken back: what the AI has called urgent since is a flag after all."""
    if case.flagged_by_ai:
        return
    if versions := set(_urgent(case).values_list("model_version", flat=True)):
        telling.not_signed_after_all(case, versions)
        _flag(case)


def is_urgent_to_the_ai(case: Case) -> bool:
    """Whether the AI has flagged `case`, or called it urgent after it was signed."""
    return case.flagged_by_ai or (case.state == CaseState.SIGNED and _urgent(case).exists())


def _urgent(case: Case) -> QuerySet[Prediction]:
    found = Prediction.objects.filter(image__case=case, image__removed_at__isnull=True)
    return found.filter(state=PredictionState.DONE, urgent=True).order_by()


def _flag(case: Case) -> None:
    # Raises only: a later calm opinion does not take a flag back from a waiting case.
    case.flagged_by_ai, case.urgency = True, Urgency.URGENT
    # Not `update`: who and what changed a case's urgency is in the audit log, the AI as well.
    case.save(update_fields=["flagged_by_ai", "urgency"])
    telling.urgent_case(case)
