"""What a signed case is the label of: the one place that ranks what was said about it.

biopsy outcome > arbitration > two agreeing reads > one read.  A single read that overturns what was said before it (an
earlier read, the reader's own blind opinion, or the AI's that the reader saw) and that nobody confirmed is told apart:
it may be the better opinion or a slip, and a model should not learn slips.  An opinion formed blind that differs from
the AI is not such a correction: to leave those out would teach the model that it is always right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from cases.models import Case, CaseState, Read, ReadKind


class LabelSource(models.TextChoices):
    """On whose word a label stands, the strongest first."""

    BIOPSY = "biopsy", _("Biopsy")
    ARBITRATION = "arbitration", _("Arbitration")
    TWO_READS = "two_reads", _("Two agreeing reads")
    ONE_READ = "one_read", _("One read")
    UNCONFIRMED = "unconfirmed", _("Correction that nobody confirmed")
    DISPUTED = "disputed", _("Readers disagree")


@dataclass(frozen=True)
class Label:
    """A condition's code and on whose word it stands."""

    code: str
    source: LabelSource


@dataclass(frozen=True)
class CaseLabel(Label):
    """The label of a signed case with its condition; `malignant` is None where the code alone does not say."""

    name: str
    malignant: bool | None

    @property
    def from_biopsy(self) -> bool:
        return self.source == LabelSource.BIOPSY

    @property
    def is_more_than_one_opinion(self) -> bool:
        """Whether a single reader's opinion could be measured against it."""
        return self.source in (LabelSource.BIOPSY, LabelSource.ARBITRATION, LabelSource.TWO_READS)


def label_of(outcome: str | None, reads: Sequence[Read]) -> Label | None:
    """The label of a case from the code that its biopsy found, if any, and its reads in the order of signing.

    Needs of each read its condition, reader, kind, `first_opinion` and `prediction`.  None where nothing was said.
    Readers who disagree without an arbitration have no label to give: the newest read's, marked as disputed.
    """
    if outcome:
        return Label(outcome, LabelSource.BIOPSY)
    if not reads:
        return None
    if settled := arbitration(reads):
        return Label(settled.condition_id, LabelSource.ARBITRATION)
    standing = {read.reader_id: read.condition_id for read in reads}  # each reader's last word
    newest, codes = reads[-1], list(standing.values())
    agreed = [code for code in dict.fromkeys(codes) if codes.count(code) > 1]
    if len(agreed) == 1:
        return Label(agreed[0], LabelSource.TWO_READS)
    if len(codes) > 1:
        return Label(newest.condition_id, LabelSource.DISPUTED)
    overturns = any(read.condition_id != newest.condition_id for read in reads) or _overturns(newest)
    return Label(newest.condition_id, LabelSource.UNCONFIRMED if overturns else LabelSource.ONE_READ)


def arbitration(reads: Sequence[Read]) -> Read | None:
    """The newest arbitration, as its reader has corrected it since."""
    settled: Read | None = None
    for read in reads:
        corrects_it = settled and read.kind == ReadKind.CORRECTION and read.reader_id == settled.reader_id
        if read.kind == ReadKind.ARBITRATION or corrects_it:
            settled = read
    return settled


def _overturns(read: Read) -> bool:
    """Whether a reader changed the own blind opinion, or without one spoke against the AI that was on the screen."""
    if read.first_opinion:
        return read.first_opinion.condition_id != read.condition_id
    return read.agrees_with_ai is False


def of_cases(cases: Iterable[UUID] | QuerySet[Case]) -> dict[UUID, CaseLabel]:
    """The label of each signed case among `cases`, ids or a queryset; one query."""
    wanted = cases if isinstance(cases, QuerySet) else list(cases)
    signed = Read.objects.filter(case__in=wanted, case__state=CaseState.SIGNED).order_by("signed_at", "id")
    signed = signed.select_related("prediction", "first_opinion").defer(
        "comment", "prediction__maps", "prediction__embedding"
    )
    reads: dict[UUID, list[Any]] = {}
    # By code the name and whether it is malignant, as the rows bring them along.
    conditions: dict[str, tuple[str, bool | None]] = {}
    for read in signed.annotate(**_OF_CONDITIONS):
        reads.setdefault(read.case_id, []).append(read)
        conditions[read.condition_id] = read.condition_name, read.condition_malignant
        conditions[read.biopsy] = read.biopsy_name, read.biopsy_malignant
    found = {}
    for case_id, of_case in reads.items():
        if label := label_of(of_case[0].biopsy, of_case):
            found[case_id] = CaseLabel(label.code, label.source, *conditions[label.code])
    return found


_OF_CONDITIONS = {
    "condition_name": F("condition__name"),
    "condition_malignant": F("condition__malignant"),
    "biopsy": F("case__outcome__condition"),
    "biopsy_name": F("case__outcome__condition__name"),
    "biopsy_malignant": F("case__outcome__condition__malignant"),
}
