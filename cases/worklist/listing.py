"""The doctors' list: which cases, in which order, with which counts.

Everything here stays cheap at a million cases: pages are cut by key, and counting stops at COUNT_LIMIT.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.access import can
from accounts.models import Clinic, User
from accounts.roles import Capability
from cases import blinding, spans
from cases.access import Person, cases
from cases.models import Answer, Case, CaseState, LesionImage, Read, Reservation
from cases.prediction import opinions
from cases.worklist import counts, targets
from cases.worklist.filters import Filters, Sort, Tab
from cases.worklist.readable import readable

PAGE_SIZE = 25
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# By what moment a tab's cases are ordered.
_MOMENT = {
    Tab.WAITING: "waiting_since",
    Tab.PHOTOS_WANTED: "waiting_since",
    Tab.DRAFT: "created_at",
    Tab.SIGNED: "signed_at",
    Tab.WITHDRAWN: "created_at",
}


@dataclass(frozen=True)
class Row:
    """One case as the list shows it."""

    case: Case
    card: opinions.Card
    photo: LesionImage | None
    conclusion: str  # what it was signed as, or what the biopsy found

    @property
    def reason(self) -> str:
        """Why the patient came, in a few words."""
        complaints = [
            question
            for name, (question, _answer) in zip(Case.QUESTIONS, self.case.answers, strict=True)
            if getattr(self.case, name) == Answer.YES
        ]
        if complaints:
            return ", ".join(complaints).capitalize()
        note = self.case.note.strip()
        return f"{note[:57]}…" if len(note) > 58 else note

    @property
    def waited(self) -> str:
        return spans.in_words(timezone.now() - self.case.waiting_since) if self.case.waiting_since else ""

    @property
    def time_left(self) -> targets.TimeLeft | None:
        return targets.time_left(self.case)

    @property
    def reader(self) -> User | None:
        """Who is reading this case just now."""
        reservation = held(self.case)
        return reservation.reader if reservation else None


@dataclass(frozen=True)
class Page:
    """A stretch of the list. `before` and `after` are cursors for the address; empty at the ends."""

    rows: list[Row]
    before: str = ""
    after: str = ""


def listed(person: Person, clinic: Clinic, filters: Filters) -> QuerySet[Case]:
    """The cases that `filters` let through, without an order."""
    return narrowed(person, clinic, indexed(person, clinic, filters), filters)


def indexed(person: Person, clinic: Clinic, filters: Filters) -> QuerySet[Case]:
    """`listed` by those of its filters that an index answers; `narrowed` has the others, which each case is asked."""
    found = cases(person).filter(clinic=clinic, state=filters.tab.value)
    if filters.tab == Tab.SIGNED:
        # Every signed case has it; said so, the index by it begins behind all those that have none.
        found = found.filter(signed_at__isnull=False)
    if filters.urgency:
        found = found.filter(urgency=filters.urgency)
    if filters.stage:
        found = found.filter(read_stage=filters.stage)
    if filters.late:
        found = found.filter(targets.passed(clinic))
    if filters.ai:
        found = found.filter(blinding.may_show_ai(person, [filters.tab.value], clinic))
    return found


def narrowed(person: Person, clinic: Clinic, found: QuerySet[Case], filters: Filters) -> QuerySet[Case]:
    """Of `found` (from `indexed`) those that pass the other filters too."""
    if filters.site:
        found = found.filter(lesion__body_site=filters.site)
    if filters.ai:
        # A filter by what is hidden would tell it.
        found = found.alias(is_hidden=blinding.ai_hidden_here(person)).filter(
            opinions.kind(filters.ai), is_hidden=False
        )
    if filters.mine:
        found = _mine(person, clinic, found, filters)
    return found


def _mine(person: Person, clinic: Clinic, found: QuerySet[Case], filters: Filters) -> QuerySet[Case]:
    """Of `found` what is the person's to do: to read what waits, for those who read; otherwise what they logged."""
    if not isinstance(person, User):
        return found.none()
    if filters.tab == Tab.WAITING and can(person, clinic, Capability.SIGN_READS):
        return readable(person, clinic, found)
    return found.filter(created_by=person)


def in_order(found: QuerySet[Case], filters: Filters) -> QuerySet[Case]:
    """`found` as the list has it, from its first page on."""
    return found.order_by(*_Order.of(filters).fields(backwards=False))


def page(person: Person, clinic: Clinic, filters: Filters, *, after: str = "", before: str = "") -> Page:
    """The stretch of the list after, or before, a cursor; the number of queries does not depend on its length."""
    order = _Order.of(filters)
    found = listed(person, clinic, filters)
    backwards = bool(before) and not after
    key = order.parse(before if backwards else after)
    if key:
        found = found.filter(order.beyond(key, backwards=backwards))
    shown = with_what_a_row_shows(person, found).order_by(*order.fields(backwards=backwards))
    stretch = list(shown[: PAGE_SIZE + 1])
    more, stretch = len(stretch) > PAGE_SIZE, stretch[:PAGE_SIZE]
    if backwards:
        stretch.reverse()
    if not stretch:
        return Page([])
    return Page(
        rows=rows(stretch, opinions.condition_names()),
        before=order.cursor(stretch[0]) if (more if backwards else key) else "",
        after=order.cursor(stretch[-1]) if (more or backwards) else "",
    )


def with_what_a_row_shows(person: Person, found: QuerySet[Case]) -> QuerySet[Case]:
    """`found` with what `rows` needs: photos, opinions and whether they are hidden from `person`, and what was read."""
    return (
        with_conclusion(opinions.with_photos(found))
        .select_related("clinic", "lesion__patient", "reservation__reader")
        .annotate(ai_is_hidden=blinding.ai_hidden_here(person))
    )


def with_conclusion(found: QuerySet[Case]) -> QuerySet[Case]:
    """`found` with what `conclusion` needs; no query more."""
    decisive = Read.objects.decisive_first().filter(case=OuterRef("pk")).values("condition__name")[:1]
    return found.select_related("outcome__condition").annotate(concluded=Subquery(decisive))


def rows(found: Iterable[Case], names: dict[str, str]) -> list[Row]:
    """Rows of cases from `with_what_a_row_shows`; `names` from `opinions.condition_names`."""
    return [_row(case, names) for case in found]


def _row(case: Any, names: dict[str, str]) -> Row:
    card = opinions.card(case, names, hidden=case.ai_is_hidden)
    # Reads of a case that may still be read are for its own page, where it is known who may see them.
    known = conclusion(case) if case.state == CaseState.SIGNED else ""
    return Row(case, card, card.chosen.image if card.chosen else None, known)


def held(case: Case) -> Reservation | None:
    """Who is reading this case just now; for a case with its `reservation`."""
    found = getattr(case, "reservation", None)
    return found if found and found.until > timezone.now() else None


def conclusion(case: Any) -> str:
    """What is known of a signed case by now: what the biopsy found, else what it concluded; needs `with_conclusion`."""
    outcome = getattr(case, "outcome", None)
    if outcome:
        return _("Biopsy: %(condition)s") % {"condition": outcome.condition}
    return case.concluded or ""


@dataclass(frozen=True)
class _Order:
    """The fields that a list is ordered by, all in one direction, the id last; and cursors made of their values."""

    names: tuple[str, ...]
    descending: bool

    @classmethod
    def of(cls, filters: Filters) -> "_Order":
        moment = _MOMENT[filters.tab]
        if filters.sort == Sort.URGENCY:
            return cls(("urgency", moment, "id"), descending=False)
        return cls((moment, "id"), descending=filters.sort == Sort.NEWEST)

    def fields(self, *, backwards: bool) -> list[str]:
        return [f"-{name}" if self.descending != backwards else name for name in self.names]

    def cursor(self, case: Case) -> str:
        values = (getattr(case, name) for name in self.names)
        return ".".join(_encode(value) for value in values)

    def parse(self, cursor: str) -> list[Any] | None:
        """The values of a cursor; None for no cursor, or one that somebody made up."""
        parts = cursor.split(".")
        if len(parts) != len(self.names):
            return None
        try:
            return [_decode(name, part) for name, part in zip(self.names, parts, strict=True)]
        except (ValueError, OverflowError):
            return None

    def beyond(self, key: list[Any], *, backwards: bool) -> Q:
        """The cases that come after `key` (before it, when `backwards`)."""
        way = "lt" if self.descending != backwards else "gt"
        # The first field once more by itself, so that the database enters its index there.
        limit = Q(**{f"{self.names[0]}__{way}e": key[0]})
        wanted = Q()
        for position, name in enumerate(self.names):
            same = dict(zip(self.names[:position], key, strict=False))
            wanted |= Q(**same, **{f"{name}__{way}": key[position]})
        return limit & wanted


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return str((value - _EPOCH) // timedelta(microseconds=1))
    return value.hex if isinstance(value, UUID) else str(value)


def _decode(name: str, text: str) -> object:
    if name == "id":
        return UUID(hex=text)
    if name == "urgency":
        return int(text) % 32768
    return _EPOCH + timedelta(microseconds=int(text))


def moment_code(moment: datetime) -> str:
    """A moment for an address, to the microsecond."""
    return _encode(moment)


def arrived_since(person: Person, clinic: Clinic, filters: Filters, since: str) -> int:
    """How many cases that the filters let through came to wait after `since` (a `moment_code`), at most COUNT_LIMIT."""
    if filters.tab != Tab.WAITING:
        return 0
    try:
        moment = _EPOCH + timedelta(microseconds=int(since))
    except (ValueError, OverflowError):
        return 0
    return _count(listed(person, clinic, filters).filter(waiting_since__gt=moment), counts.COUNT_LIMIT)


def _count(found: QuerySet[Case], limit: int) -> int:
    return found.order_by().values("id")[:limit].count()
