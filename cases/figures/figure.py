"""What a figure is made of: rows with numbers, the cases behind each row, and how it is drawn."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from cases.spans import in_words
from inference.statistics import Share

# Below this many a share is not shown: chance alone would move it by more than ten points either way.
TOO_FEW = 20


@dataclass(frozen=True)
class Estimate:
    """A figure that is no plain share, with its 95 % interval; `low` and `high` are None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0

    @classmethod
    def of(cls, value: float | None, interval: Sequence[float] | None, n: int) -> "Estimate":
        low, high = interval or (None, None)
        return cls(value, low, high, n)


@dataclass(frozen=True)
class Hours:
    value: float | None


Value = int | float | str | None | Share | Estimate | Hours


@dataclass(frozen=True)
class Behind:
    """The cases behind one number: how many, and which. Where the number counts reads or photos, there may be fewer."""

    number: int
    cases: Q | frozenset[UUID]

    @classmethod
    def of(cls, case_ids: Iterable[UUID]) -> "Behind | None":
        found = frozenset(case_ids)
        return cls(len(found), found) if found else None

    @classmethod
    def counted(cls, number: int, cases: Q) -> "Behind | None":
        return cls(number, cases) if number else None

    @property
    def filter(self) -> Q:
        return self.cases if isinstance(self.cases, Q) else Q(id__in=sorted(self.cases))


@dataclass(frozen=True)
class Sides:
    """The cases behind a share: those that it counts, and those that it is a share of besides."""

    counted: Behind | None
    others: Behind | None = None

    @classmethod
    def of(cls, cases: Iterable[tuple[UUID, bool]]) -> "Sides":
        """From (case, whether it counts); a case that was judged twice may stand on both sides."""
        found: tuple[set[UUID], set[UUID]] = (set(), set())
        for case_id, counts in cases:
            found[not counts].add(case_id)
        return cls(Behind.of(found[0]), Behind.of(found[1]))


@dataclass(frozen=True)
class Link:
    """To the cases behind one number of a row; `of` goes into the address beside the row's key."""

    of: str
    words: str
    behind: Behind


@dataclass(frozen=True)
class Cell:
    """What a table shows of one value: its text, which is itself the link where it says how many cases there are."""

    text: str
    links: tuple[Link, ...] = ()

    @property
    def itself(self) -> Link | None:
        return next((link for link in self.links if link.words == self.text), None)


@dataclass(frozen=True)
class Row:
    """`key` goes into the address of the cases behind the row; `behind` filters cases, None where there are none.

    `parts` holds the cases behind each of the values.
    """

    key: str
    label: str
    values: tuple[Value, ...]
    behind: Q | None = None
    parts: tuple[Behind | Sides | None, ...] = ()

    @property
    def cells(self) -> list[str]:
        return [in_text(value) for value in self.values]

    @property
    def linked_cells(self) -> list[Cell]:
        parts = [*self.parts, *[None] * (len(self.values) - len(self.parts))]
        return [Cell(in_text(value), tuple(_links(at, value, parts[at]))) for at, value in enumerate(self.values)]

    def cases_of(self, column: int | None) -> str:
        """What leads to the cases that the value in `column` counts, as the end of an address; empty for none."""
        link = None if column is None else self.link(str(column))
        return urlencode({"at": self.key, "of": link.of}) if link else ""

    def link(self, of: str) -> Link | None:
        return next((link for cell in self.linked_cells for link in cell.links if link.of == of), None)


def _links(at: int, value: Value, part: "Behind | Sides | None") -> Iterator[Link]:
    if isinstance(part, Behind):
        is_itself = value == part.number
        yield Link(str(at), in_text(value) if is_itself else _in_cases(part.number), part)
    elif part:
        if part.counted:
            yield Link(str(at), _in_cases(part.counted.number), part.counted)
        if part.others:
            yield Link(f"{at}-not", _("%(n)s\u00a0not") % {"n": f"{part.others.number:,}"}, part.others)


def _in_cases(n: int) -> str:
    return f"{n:,}\u00a0{of_cases(n)}"


@dataclass(frozen=True)
class Series:
    """One line or set of bars, a value a row; None where there is nothing to draw.

    `column` is the place among a row's values of the one whose cases a click leads to; None where no case is behind.
    """

    name: str
    values: list[float | None]
    low: list[float | None] | None = None
    high: list[float | None] | None = None
    column: int | None = None
    is_reference: bool = False  # drawn in grey: what it is compared with
    is_second: bool = False  # beside a first one of the same rank

    @property
    def tone(self) -> str:
        """A class of figures.css, and a colour of figures.js."""
        return "tone-soft" if self.is_reference else "tone-second" if self.is_second else "tone-accent"


@dataclass(frozen=True)
class Chart:
    """`kind`: lines (over time), bars, points (with intervals), or calibration (against the diagonal)."""

    kind: str
    series: list[Series]
    percent: bool = False
    unit: str = ""
    # A straight line to compare with, at `mark`.
    mark: float | None = None
    mark_label: str = ""
    # For calibration: where on the x axis each value stands.
    places: list[float] | None = None


def of_cases(n: int) -> str:
    return ngettext("case", "cases", n)


def of_reads(n: int) -> str:
    return ngettext("read", "reads", n)


def of_photos(n: int) -> str:
    return ngettext("photo", "photos", n)


@dataclass(frozen=True)
class Figure:
    key: str
    title: str
    n: int
    head: tuple[str, ...]  # the first is the rows' own
    rows: tuple[Row, ...]
    chart: Chart | None = None
    note: str = ""
    # A table of counts that is itself the drawing: columns of the same things as the rows.
    matrix: "Matrix | None" = None
    counts: Callable[[int], str] = of_cases  # so many of what n counts, without the number

    @property
    def is_empty(self) -> bool:
        return not self.n

    @property
    def title_with_n(self) -> str:
        return f"{self.title} (n = {self.n:,} {self.counts(self.n)})"

    @property
    def drawing(self) -> dict[str, Any] | None:
        """For figures.js, which draws it."""
        if self.chart is None or not any(
            value is not None for series in self.chart.series if not series.is_reference for value in series.values
        ):
            return None
        return {
            "kind": self.chart.kind,
            "title": self.title_with_n,
            "labels": [row.label for row in self.rows],
            "series": [
                {
                    **vars(series),
                    "tone": series.tone.removeprefix("tone-"),
                    "cases": [row.cases_of(series.column) for row in self.rows],
                }
                for series in self.chart.series
            ],
            "percent": self.chart.percent,
            "unit": self.chart.unit,
            "mark": self.chart.mark,
            "markLabel": self.chart.mark_label,
            "places": self.chart.places,
        }

    @property
    def drawing_id(self) -> str:
        return f"drawing-{self.key}"

    @property
    def has_key(self) -> bool:
        """Whether the series' names stand above the chart; lines carry theirs at their ends."""
        return self.chart is not None and self.chart.kind in ("bars", "points") and len(self.chart.series) > 1

    def row(self, key: str) -> Row | None:
        cells = (row for line in self.matrix.lines for row in line) if self.matrix else ()
        return next((row for row in (*self.rows, *cells) if row.key == key), None)

    def column(self, of: str) -> str:
        """What a link `of` a row is about, in words."""
        place, _sign, side = of.partition("-")
        name = self.head[1 + int(place)]
        return _("not: %(column)s") % {"column": name} if side else name

    @property
    def linked_rows(self) -> list[tuple[Row, list[tuple[str, Cell]]]]:
        """Each row with its cells, and those with their columns' names."""
        return [(row, list(zip(self.head[1:], row.linked_cells, strict=True))) for row in self.rows]


@dataclass(frozen=True)
class Matrix:
    """Counts [row, column] with the cases behind each cell; `lines` holds a Row a cell, its one value the count."""

    columns: tuple[str, ...]
    lines: tuple[tuple[Row, ...], ...]

    @property
    def named_lines(self) -> list[tuple[str, list[tuple[Row, int, bool]]]]:
        """(row's name, its cells as (cell, shade from 0 to 5 by its share of the row, whether on the diagonal))."""
        found = []
        for number, line in enumerate(self.lines):
            counts = [int(cell.values[0]) for cell in line]  # type: ignore[arg-type]  # counts, as said above
            whole = max(sum(counts), 1)
            shaded = [
                (cell, min(5, -(-5 * count // whole)), number == place)
                for place, (cell, count) in enumerate(zip(line, counts, strict=True))
            ]
            found.append((self.columns[number], shaded))
        return found


def ids(case_ids: Iterable[UUID]) -> Q | None:
    """The filter for these cases; None for no case, so that nothing leads to an empty list."""
    wanted = sorted(set(case_ids))
    return Q(id__in=wanted) if wanted else None


def named(cases: Q) -> int | None:
    """How many cases a filter from `ids` names, so that nobody need count them; None for any other filter."""
    found = cases.children[0] if len(cases.children) == 1 else None
    if not isinstance(found, tuple) or found[0] != "id__in" or not isinstance(found[1], list):
        return None
    return len(found[1])


def shares(name: str, found: Iterable[Share], *, column: int = 0, is_second: bool = False) -> Series:
    """A series of shares with their intervals; those of too few are left out. `column`: see Series."""
    kept = [share if share.n >= TOO_FEW else None for share in found]
    return Series(
        name,
        [share.value if share else None for share in kept],
        [share.interval[0] if share and share.interval else None for share in kept],
        [share.interval[1] if share and share.interval else None for share in kept],
        column=column,
        is_second=is_second,
    )


def estimates(name: str, found: Iterable[Estimate], *, column: int) -> Series:
    """A series of estimates with their intervals; `column` is the one that counts what each was made from."""
    kept = [each if each.n >= TOO_FEW else None for each in found]
    return Series(
        name,
        [each.value if each else None for each in kept],
        [each.low if each else None for each in kept],
        [each.high if each else None for each in kept],
        column=column,
    )


# --- In words and in CSV -----------------------------------------------------------------------------------


def in_text(value: Value) -> str:
    """As a table shows it: "82 % (69–90 %), 28 of 34"."""
    if value is None:
        return "–"
    if isinstance(value, Share):
        return _share_in_text(value)
    if isinstance(value, Estimate):
        return _estimate_in_text(value)
    if isinstance(value, Hours):
        return _hours_in_text(value)
    if isinstance(value, float):
        return f"{value:z.2f}"
    return f"{value:,}" if isinstance(value, int) else value


def _share_in_text(share: Share) -> str:
    counted = _("%(hits)s of %(n)s") % {"hits": f"{share.hits:,}", "n": f"{share.n:,}"}
    if not share.n or share.interval is None or share.value is None:
        return "–"
    if share.n < TOO_FEW:
        return _("%(counted)s: too few to say") % {"counted": counted}
    low, high = share.interval
    return f"{100 * share.value:.0f}\u00a0% ({100 * low:.0f}–{100 * high:.0f}\u00a0%), {counted}"


def _estimate_in_text(estimate: Estimate) -> str:
    if estimate.value is None or not estimate.n:
        return "–"
    if estimate.n < TOO_FEW:
        return _("n %(n)s: too few to say") % {"n": estimate.n}
    interval = "" if estimate.low is None else f" ({estimate.low:z.2f}–{estimate.high:z.2f})"
    return f"{estimate.value:z.2f}{interval}"


def _hours_in_text(hours: Hours) -> str:
    return "–" if hours.value is None else in_words(timedelta(hours=hours.value))


def csv_head(figure: Figure) -> list[str]:
    """The names of the columns; a share takes five of them, an estimate three."""
    names = [figure.head[0]]
    first = figure.rows[0].values if figure.rows else ()
    for name, value in zip(figure.head[1:], first, strict=False):
        if isinstance(value, Share):
            parts = (
                pgettext("column of a table", "hits"),
                "n",
                pgettext("column of a table", "share"),
                _("from (95 %)"),
                _("to (95 %)"),
            )
            names += [f"{name}: {part}" for part in parts]
        elif isinstance(value, Estimate):
            names += [name, f"{name}: {_('from (95 %)')}", f"{name}: {_('to (95 %)')}"]
        elif isinstance(value, Hours):
            names.append(f"{name}: {_('hours')}")
        else:
            names.append(name)
    return names


def csv_row(row: Row) -> list[str]:
    """The same numbers unrounded; also those of too few, which whoever takes the file away must judge."""
    cells = [_harmless(row.label)]
    for value in row.values:
        if isinstance(value, Share):
            low, high = value.interval or (None, None)
            cells += [str(value.hits), str(value.n), _raw(value.value), _raw(low), _raw(high)]
        elif isinstance(value, Estimate):
            cells += [_raw(value.value), _raw(value.low), _raw(value.high)]
        elif isinstance(value, Hours):
            cells.append(_raw(value.value))
        else:
            cells.append(_raw(value))
    return cells


def _raw(value: float | str | None) -> str:
    if value is None:
        return ""
    return _harmless(value) if isinstance(value, str) else str(round(value, 6))


def _harmless(text: str) -> str:
    """A spreadsheet takes what begins like this for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text
