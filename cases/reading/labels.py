"""What a signed case is the label of: the one place that ranks what was said about it.

biopsy outcome > arbitration > two agreeing reads > one read.  A single read that overturns what was said before it (an
earlier read, the reader's own blind opinion, or the AI's that the reader saw) and that nobody confirmed is told apart:
it may be the better opinion or a slip, and a model should not learn slips.  An opinion formed blind that differs from
the AI is not such a correction: to leave those out would teach the model that it is always right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.models import CaseState, Condition, Read, ReadKind
from cases.models.prediction import first_code
from cases.models.read import OWN_KINDS


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


class Said(NamedTuple):
    """What a read said, as far as a label depends on it; SAID are the columns that it is made of."""

    reader_id: UUID
    condition_id: str
    kind: str
    blind_code: str | None  # the reader's own opinion before the AI's was shown
    ai_code: str | None  # what the AI that the reader saw put first

    @classmethod
    def of(cls, read: Read) -> Said:
        """Needs the read's `first_opinion` and `prediction`."""
        blind, seen = read.first_opinion, read.prediction
        return cls(
            read.reader_id,
            read.condition_id,
            read.kind,
            blind.condition_id if blind else None,
            seen.first_condition if seen else None,
        )


SAID = ("reader_id", "condition_id", "kind", "first_opinion__condition_id", first_code("prediction__probabilities"))


class Signed(Protocol):
    """A read, or the columns of one, as far as its rank depends on them."""

    @property
    def reader_id(self) -> UUID: ...

    @property
    def kind(self) -> str: ...


_Signed = TypeVar("_Signed", bound=Signed)


def label_of(outcome: str | None, reads: Sequence[Said]) -> Label | None:
    """The label of a case from the code that its biopsy found, if any, and its reads in the order of signing.

    None where nothing was said.  Readers who disagree without an arbitration have no label to give: the newest read's,
    marked as disputed.
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


def arbitration(reads: Sequence[_Signed]) -> _Signed | None:
    """The newest arbitration, as its reader has corrected it since."""
    settled: _Signed | None = None
    for read in reads:
        corrects_it = settled and read.kind == ReadKind.CORRECTION and read.reader_id == settled.reader_id
        if read.kind == ReadKind.ARBITRATION or corrects_it:
            settled = read
    return settled


def decisive(reads: Sequence[_Signed]) -> _Signed:
    """The read that a signed case concludes with: the lead's who settled a disagreement, else the newest of its own
    readers, the first and the second one.

    What others add to a case that is signed is a remark: one person alone, a trainee even, would overrule two.
    `Read.objects.decisive_first` is the same for the database.
    """
    if settled := arbitration(reads):
        return settled
    own = {read.reader_id for read in reads if read.kind in OWN_KINDS}
    return next((read for read in reversed(reads) if read.reader_id in own), reads[-1])


def _overturns(read: Said) -> bool:
    """Whether a reader changed the own blind opinion, or without one spoke against the AI that was on the screen."""
    before = read.blind_code or read.ai_code
    return before is not None and before != read.condition_id


Kinds = dict[str, tuple[str, bool | None]]  # by the code of a condition: its name, and whether it is malignant
_OF_CONDITIONS = (
    *("condition__name", "condition__malignant"),
    *("case__outcome__condition", "case__outcome__condition__name", "case__outcome__condition__malignant"),
)


def of_cases(cases: Iterable[UUID]) -> dict[UUID, CaseLabel]:
    """The label of each signed case among `cases`; one query."""
    signed = Read.objects.filter(case__in=list(cases), case__state=CaseState.SIGNED).order_by("signed_at", "id")
    reads: dict[UUID, list[Said]] = defaultdict(list)
    outcomes: dict[UUID, str] = {}
    kinds: Kinds = {}
    for case_id, *row in signed.values_list("case_id", *SAID, *_OF_CONDITIONS):
        said, (name, malignant, biopsy, biopsy_name, biopsy_malignant) = Said(*row[: len(SAID)]), row[len(SAID) :]
        reads[case_id].append(said)
        outcomes[case_id] = biopsy
        kinds |= {said.condition_id: (name, malignant), biopsy: (biopsy_name, biopsy_malignant)}
    return _labelled(reads, outcomes, kinds)


def kinds() -> Kinds:
    """Of every condition; one query."""
    return {
        code: (name, malignant) for code, name, malignant in Condition.objects.values_list("code", "name", "malignant")
    }


def of_reads(reads: Mapping[UUID, Sequence[Said]], outcomes: Mapping[UUID, str], known: Kinds) -> dict[UUID, CaseLabel]:
    """The labels of cases with these reads, in the order of signing, and with what biopsies found; `known`: `kinds`."""
    return _labelled(reads, outcomes, known)


def _labelled(
    reads: Mapping[UUID, Sequence[Said]], outcomes: Mapping[UUID, str], kinds: Kinds
) -> dict[UUID, CaseLabel]:
    found = {}
    for case_id in reads.keys() | outcomes.keys():
        if label := label_of(outcomes.get(case_id), reads.get(case_id, [])):
            found[case_id] = CaseLabel(label.code, label.source, *kinds[label.code])
    return found
