"""How the AI and the readers agree: beyond chance (Cohen's kappa), and on what they differ."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import combinations
from uuid import UUID

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cases.figures.evidence import Judged
from cases.figures.figure import (
    TOO_FEW,
    Behind,
    Chart,
    Estimate,
    Figure,
    Matrix,
    Row,
    Sides,
    estimates,
    ids,
    of_reads,
    shares,
)
from cases.figures.scope import Scope
from cases.models import Fitzpatrick
from inference.statistics import Share, kappa, kappa_interval

# Conditions that have a row and a column of their own; the rarer ones share one.
MOST_CONDITIONS = 8
_OTHERS = "others"

# (case, patient, one's code, the other's code)
Pair = tuple[UUID, str, str, str]


def with_ai(scope: Scope) -> Figure:
    """Each reader beside the AI's first condition."""
    pairs: dict[UUID | None, list[Pair]] = defaultdict(list)
    names: dict[UUID | None, str] = {None: _("All readers")}
    for case in scope.evidence:
        for opinion in case.independent if case.ai else ():
            names[opinion.reader_id] = opinion.reader
            for whose in (None, opinion.reader_id):
                pairs[whose].append((case.id, case.patient, opinion.unaided_code, case.ai.code))  # type: ignore[union-attr]
    readers = sorted(pairs, key=lambda reader: (reader is not None, -len(pairs[reader]), names[reader]))
    if len(readers) == 2:
        readers = readers[1:]  # one reader is all readers
    figures = [_agreement(pairs[reader]) for reader in readers]
    return Figure(
        key="with_ai",
        title=_("Readers and the AI: Cohen's kappa"),
        n=len(pairs[None]),
        counts=of_reads,
        head=(_("Reader"), _("Kappa (95 %)"), _("Same condition"), _("Reads")),
        rows=tuple(
            Row(
                str(reader or "all"),
                names[reader],
                (beyond_chance, same, same.n),
                ids(pair[0] for pair in pairs[reader] if pair[2] != pair[3]),
                _behind(pairs[reader]),
            )
            for reader, (beyond_chance, same) in zip(readers, figures, strict=True)
        ),
        chart=Chart("points", [estimates(_("Kappa"), [figure[0] for figure in figures], column=2)]),
        note=_(
            "1 is full agreement, 0 what chance alone would give. What a reader thought before the AI was shown "
            "counts, where it is known; otherwise what they signed. First and second reads only: who settles or adds "
            "to a case has seen what was said. The names of rows lead to the cases on which they differ."
        ),
    )


def between_readers(scope: Scope) -> Figure:
    """Two readers who read the same cases, neither knowing what the other said."""
    pairs: dict[tuple[UUID, UUID], list[Pair]] = defaultdict(list)
    names: dict[UUID, str] = {}
    for case in scope.evidence:
        for one, other in combinations(sorted(case.independent, key=lambda opinion: opinion.reader_id), 2):
            names |= {one.reader_id: one.reader, other.reader_id: other.reader}
            pairs[one.reader_id, other.reader_id].append((case.id, case.patient, one.unaided_code, other.unaided_code))
    order = sorted(pairs, key=lambda both: -len(pairs[both]))
    figures = [_agreement(pairs[both]) for both in order]
    return Figure(
        key="between_readers",
        title=_("Reader and reader: Cohen's kappa"),
        n=sum(len(found) for found in pairs.values()),
        counts=_of_pairs,
        head=(_("Readers"), _("Kappa (95 %)"), _("Same condition"), _("Cases")),
        rows=tuple(
            Row(
                f"{both[0]}_{both[1]}",
                f"{names[both[0]]}, {names[both[1]]}",
                (beyond_chance, same, same.n),
                ids(pair[0] for pair in pairs[both] if pair[2] != pair[3]),
                _behind(pairs[both]),
            )
            for both, (beyond_chance, same) in zip(order, figures, strict=True)
        ),
        chart=Chart("points", [estimates(_("Kappa"), [figure[0] for figure in figures], column=2)]),
        note=_(
            "First and second reads only: who settles or adds to a case has seen what was said. What a reader thought "
            "before the AI was shown counts, where it is known. The names of rows lead to the cases on "
            "which both differ."
        ),
    )


def confusion(scope: Scope) -> Figure:
    """What the AI put first beside what the cases are held to be."""
    judged = [case for case in scope.evidence if case.ai and case.label]
    seen = Counter(code for case in judged for code in (case.label.code, case.ai.code))  # type: ignore[union-attr]
    codes = [code for code, _number in seen.most_common(MOST_CONDITIONS if len(seen) > MOST_CONDITIONS + 1 else None)]
    names = {code: scope.condition_names[code] for code in codes}
    codes.sort(key=lambda code: names.get(code, code))
    if len(codes) < len(seen):
        codes.append(_OTHERS)
        names[_OTHERS] = _("Others")
    cells: dict[tuple[str, str], list[UUID]] = defaultdict(list)
    for case in judged:
        truth, said = case.label.code, case.ai.code  # type: ignore[union-attr]
        cells[truth if truth in names else _OTHERS, said if said in names else _OTHERS].append(case.id)
    headings = [names.get(code, code) for code in codes]
    lines = tuple(
        tuple(Row(f"{truth}_{said}", "", (len(cells[truth, said]),), ids(cells[truth, said])) for said in codes)
        for truth in codes
    )
    right = [Share(len(cells[code, code]), sum(len(cells[code, said]) for said in codes)) for code in codes]
    return Figure(
        key="confusion",
        title=_("What the AI said, and what it was"),
        n=len(judged),
        head=(_("Held to be"), *headings, _("AI the same")),
        rows=tuple(
            Row(
                code,
                name,
                (*(len(cells[code, said]) for said in codes), share),
                ids(_of_line(cells, code)),
                (
                    *(Behind.of(cells[code, said]) for said in codes),
                    Sides(Behind.of(cells[code, code]), Behind.of(_of_line(cells, code))),
                ),
            )
            for code, name, share in zip(codes, headings, right, strict=True)
        ),
        matrix=Matrix(tuple(headings), lines),
        note=_(
            "Rows: the biopsy's finding, else the arbitration, else what readers signed. Columns: what the AI put "
            "first. Readers mostly saw the AI's opinion, which flatters it where there was no biopsy."
        ),
    )


def by_skin_type(scope: Scope) -> Figure:
    """The AI's opinion beside the labels, by skin type."""
    return _by_group(
        scope,
        "skin",
        _("AI right, by skin type"),
        _("Skin type"),
        [
            (code or "unknown", str(name), [case for case in scope.evidence if case.skin == code])
            for code, name in Fitzpatrick.choices
        ],
    )


AGE_BANDS = ((0, 17), (18, 39), (40, 59), (60, 74), (75, 200))


def by_age(scope: Scope) -> Figure:
    """The AI's opinion beside the labels, by age when the case was logged."""
    groups = []
    for low, high in AGE_BANDS:
        name = _("%(low)s and older") % {"low": low} if high == AGE_BANDS[-1][1] else f"{low}–{high}"
        groups.append((str(low), name, [case for case in scope.evidence if low <= case.age <= high]))
    return _by_group(scope, "age", _("AI right, by age"), _("Age"), groups)


def _by_group(scope: Scope, key: str, title: str, group: str, groups: list[tuple[str, str, list[Judged]]]) -> Figure:
    rows, kept = [], []
    for code, name, cases in groups:
        judged = [case for case in cases if case.ai and case.label]
        wrong = [case for case in judged if case.ai.code != case.label.code]  # type: ignore[union-attr]
        ill = [case for case in judged if case.label.malignant]  # type: ignore[union-attr]
        right = Share(len(judged) - len(wrong), len(judged))
        flagged = Share.of([case.ai.urgent for case in ill])  # type: ignore[union-attr]
        kept.append(right)
        parts: tuple[Sides, ...] = (
            Sides.of((case.id, case.ai.code == case.label.code) for case in judged),  # type: ignore[union-attr]
            Sides.of((case.id, case.ai.urgent) for case in ill),  # type: ignore[union-attr]
        )
        values: tuple[Share, ...] = (right, flagged)
        if not scope.reader:  # of a reader's own reads there is nothing to compare
            same = [pair for case in cases for pair in _pairs(case)]
            values, parts = (*values, Share.of([agree for _case, agree in same])), (*parts, Sides.of(same))
        rows.append(Row(code, name, values, ids(case.id for case in wrong), parts))
    head = (group, _("AI the same as the label"), _("Malignant ones flagged"))
    return Figure(
        key=key,
        title=title,
        n=sum(share.n for share in kept),
        head=head if scope.reader else (*head, _("Readers the same, pair by pair")),
        rows=tuple(rows),
        chart=Chart("points", [shares(_("AI the same as the label"), kept)], percent=True),
        note=_(
            "Fewer than %(few)s cases are too few to say. The names of rows lead to the cases in which the AI was "
            "wrong."
        )
        % {"few": TOO_FEW},
    )


def _pairs(case: Judged) -> list[tuple[UUID, bool]]:
    """Of every two who read the case without the other: whether they thought of the same condition."""
    return [(case.id, one.unaided_code == other.unaided_code) for one, other in combinations(case.independent, 2)]


def _behind(pairs: list[Pair]) -> tuple[None, Sides, Behind | None]:
    """Of kappa, the share of the same condition, and their number."""
    return None, Sides.of((pair[0], pair[2] == pair[3]) for pair in pairs), Behind.of(pair[0] for pair in pairs)


def _agreement(pairs: list[Pair]) -> tuple[Estimate, Share]:
    """(Cohen's kappa with its interval over patients, share of the same condition)."""
    codes = sorted({code for pair in pairs for code in pair[2:]})
    number = {code: place for place, code in enumerate(codes)}
    one = np.array([number[pair[2]] for pair in pairs], dtype=np.int64)
    other = np.array([number[pair[3]] for pair in pairs], dtype=np.int64)
    same = Share(int((one == other).sum()), len(pairs))
    if not pairs:
        return Estimate(None), same
    interval = kappa_interval(one, other, [pair[1] for pair in pairs])
    return Estimate.of(kappa(one, other), interval, len(pairs)), same


def _of_line(cells: dict[tuple[str, str], list[UUID]], truth: str) -> Iterable[UUID]:
    return (case_id for (code, said), found in cells.items() if code == truth and said != truth for case_id in found)


def _of_pairs(n: int) -> str:
    return ngettext("pair of reads", "pairs of reads", n)
