"""How often the AI moved a reader: from what they thought before they saw it to what they signed afterwards."""

from collections import defaultdict
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.translation import gettext as _

from cases.figures.figure import Behind, Chart, Figure, Row, Sides, ids, of_reads, shares
from cases.figures.scope import Scope
from inference.statistics import Share


@dataclass
class Moved:
    """The cases of one reader, by what they thought before and after."""

    name: str
    helped: list[UUID] = field(default_factory=list)  # wrong before, right after
    harmed: list[UUID] = field(default_factory=list)  # right before, wrong after
    stayed_right: list[UUID] = field(default_factory=list)
    stayed_wrong: list[UUID] = field(default_factory=list)

    @property
    def n(self) -> int:
        return len(self.helped) + len(self.harmed) + len(self.stayed_right) + len(self.stayed_wrong)

    @property
    def to_right(self) -> Share:
        """Of those that were wrong before."""
        return Share(len(self.helped), len(self.helped) + len(self.stayed_wrong))

    @property
    def to_wrong(self) -> Share:
        """Of those that were right before."""
        return Share(len(self.harmed), len(self.harmed) + len(self.stayed_right))

    @property
    def behind(self) -> tuple[Sides, Sides, Behind | None, Behind | None]:
        """Of each column. A case that several read may stand in more than one of them."""
        return (
            Sides(Behind.of(self.helped), Behind.of(self.stayed_wrong)),
            Sides(Behind.of(self.harmed), Behind.of(self.stayed_right)),
            Behind.of(self.stayed_right),
            Behind.of(self.stayed_wrong),
        )

    def add(self, case_id: UUID, *, right_before: bool, right_after: bool) -> None:
        if right_before and right_after:
            self.stayed_right.append(case_id)
        elif right_before:
            self.harmed.append(case_id)
        elif right_after:
            self.helped.append(case_id)
        else:
            self.stayed_wrong.append(case_id)


def influence(scope: Scope) -> Figure:
    """Reader by reader, against a biopsy, an arbitration or two readers who agree.

    A case that a single reader signed says nothing here: it would be measured against itself.
    """
    everybody = Moved(_("All readers"))
    readers: dict[UUID, Moved] = defaultdict(lambda: Moved(""))
    for case in scope.evidence:
        if case.label is None or not case.label.is_more_than_one_opinion:
            continue
        for opinion in case.independent:
            if opinion.first_code is None or not opinion.ai_visible:
                continue
            readers[opinion.reader_id].name = opinion.reader
            for moved in (everybody, readers[opinion.reader_id]):
                moved.add(
                    case.id,
                    right_before=opinion.first_code == case.label.code,
                    right_after=opinion.code == case.label.code,
                )
    order = sorted(readers.items(), key=lambda each: (-each[1].n, each[1].name))
    rows = [(str(reader), moved) for reader, moved in order]
    if len(rows) != 1:
        rows.insert(0, ("all", everybody))
    return Figure(
        key="influence",
        title=_("How the AI moved readers"),
        n=everybody.n,
        counts=of_reads,
        head=(_("Reader"), _("Wrong → right"), _("Right → wrong"), _("Stayed right"), _("Stayed wrong")),
        rows=tuple(
            Row(
                key,
                moved.name,
                (moved.to_right, moved.to_wrong, len(moved.stayed_right), len(moved.stayed_wrong)),
                ids([*moved.helped, *moved.harmed]),
                moved.behind,
            )
            for key, moved in rows
        ),
        chart=Chart(
            "points",
            [
                shares(_("Wrong → right"), [moved.to_right for _key, moved in rows]),
                shares(_("Right → wrong"), [moved.to_wrong for _key, moved in rows], column=1, is_second=True),
            ],
            percent=True,
        ),
        note=_(
            "What a reader committed before the AI was shown beside what they signed, where a biopsy, an arbitration "
            "or a second reader says what was right. First and second reads only: who adds to a case has seen what "
            "was said. Shares are of those that were wrong, or right, before. The names of rows lead to the cases in "
            "which the AI moved the reader."
        ),
    )
