"""What biopsies said of flags, reads and probabilities."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from uuid import UUID

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cases.figures.evidence import Judged, Opinion
from cases.figures.figure import Chart, Figure, Row, Sides, ids, shares
from cases.figures.scope import Scope
from cases.models import Management
from inference.statistics import Share

BINS = 5


def sensitivity(scope: Scope) -> Figure:
    """Which of the cancers that a biopsy found were seen, and which other lesions were spared, by whom."""
    known = [case for case in scope.evidence if case.label and case.label.from_biopsy]
    ill = [case for case in known if case.label.malignant]  # type: ignore[union-attr]
    well = [case for case in known if case.label.malignant is False]  # type: ignore[union-attr]
    readers = {opinion.reader_id: opinion.reader for case in known for opinion in case.independent}
    judges: list[tuple[str, str, Callable[[Judged], list[bool]]]] = [
        ("ai", _("AI: flagged urgent"), lambda case: [case.ai.urgent] if case.ai else []),
        ("reports", _("Reports: malignant or biopsied"), _concluded),
        ("readers", _("Readers: malignant or biopsied"), _suspicions()),
    ]
    if len(readers) > 1:
        order = sorted(readers, key=lambda reader: readers[reader])
        judges += [(str(reader), readers[reader], _suspicions(reader)) for reader in order]
    rows, found, spared = [], [], []
    for key, name, says in judges:
        found.append(Share.of([said for case in ill for said in says(case)]))
        spared.append(Share.of([not said for case in well for said in says(case)]))
        missed = ids(case.id for case in ill if not all(says(case)))
        parts = (
            Sides.of((case.id, said) for case in ill for said in says(case)),
            Sides.of((case.id, not said) for case in well for said in says(case)),
        )
        rows.append(Row(key, name, (found[-1], spared[-1]), missed, parts))
    return Figure(
        key="sensitivity",
        title=_("Cancers found, by biopsy"),
        n=len(ill),
        counts=partial(_of_malignant, len(known)),
        head=(_("By whom"), _("Malignant ones found"), _("Benign ones spared")),
        rows=tuple(rows),
        chart=Chart(
            "points",
            [shares(_("Found"), found), shares(_("Spared"), spared, column=1, is_second=True)],
            percent=True,
        ),
        note=_(
            "Only what was biopsied is known, so both figures hold for biopsied lesions and not for all. Readers count "
            "with what they signed in their own first and second reads; who settles or adds to a case has seen what "
            "was said. Reports count with what they concluded before the biopsy's result came. The names of rows "
            "lead to the cancers that were missed."
        ),
    )


def calibration(scope: Scope) -> Figure:
    """How often the AI is right where it says so and so sure."""
    bins: dict[int, list[Judged]] = defaultdict(list)
    for case in scope.evidence:
        if case.ai and case.label:
            bins[min(BINS - 1, int(case.ai.confidence * BINS))].append(case)
    rows, kept, places = [], [], []
    for number in sorted(bins):
        cases = bins[number]
        right = [(case.id, case.ai.code == case.label.code) for case in cases]  # type: ignore[union-attr]
        sure = float(np.mean([case.ai.confidence for case in cases if case.ai]))
        kept.append(Share.of([is_right for _case, is_right in right]))
        places.append(sure)
        name = f"{100 * number // BINS}–{100 * (number + 1) // BINS}\u00a0%"
        rows.append(Row(str(number), name, (sure, kept[-1]), ids(case.id for case in cases), (None, Sides.of(right))))
    n = sum(share.n for share in kept)
    gap = sum(share.n * abs((share.value or 0) - sure) for share, sure in zip(kept, places, strict=True)) / max(n, 1)
    return Figure(
        key="calibration",
        title=_("How sure, and how right"),
        n=n,
        head=(_("The AI says"), _("On average"), _("AI the same as the label")),
        rows=tuple(rows),
        chart=Chart("calibration", [shares(_("AI right"), kept, column=1)], percent=True, places=places),
        note=_("On the line it is as often right as it says. The mean distance from the line is %(gap)s points.")
        % {"gap": f"{100 * gap:.0f}"},
    )


def _suspicions(reader: UUID | None = None) -> Callable[[Judged], list[bool]]:
    """What readers, or one of them, suspected in a case."""

    def of_case(case: Judged) -> list[bool]:
        return [suspects(each) for each in case.independent if reader in (None, each.reader_id)]

    return of_case


def _concluded(case: Judged) -> list[bool]:
    """What the clinic suspected in the end: the lead's word where readers disagreed, else the readers' last one."""
    return [suspects(case.concluded)] if case.concluded else []


def suspects(opinion: Opinion) -> bool:
    """Whether a reader did not let a possible cancer go home unseen."""
    return bool(opinion.malignant) or opinion.management in (Management.BIOPSY, Management.URGENT_REFERRAL)


def _of_malignant(biopsies: int, _n: int) -> str:
    return ngettext("malignant of %(n)s biopsy", "malignant of %(n)s biopsies", biopsies) % {"n": biopsies}
