"""Who is at what just now: cases that each reader has open, and reads that each has begun and not signed."""

from collections import Counter
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.figures.figure import Behind, Chart, Figure, Row, Series, of_reads
from cases.figures.scope import Scope
from cases.models import ReadDraft, Reservation
from cases.models.case import UNREAD_STATES


def begun(scope: Scope) -> Figure:
    """The queue by reader, whatever the dates say; one query."""
    now, unsigned = timezone.now(), Q(state__in=UNREAD_STATES)
    waiting = scope.cases().filter(unsigned)
    open_now = Reservation.objects.filter(case__in=waiting, until__gte=now)
    drafts: Counter[UUID] = Counter()
    held: Counter[UUID] = Counter()
    names = {}
    counted = (
        found.order_by()
        .annotate(is_draft=Value(is_draft))
        .values_list("is_draft", "reader_id", "reader__name")
        .annotate(Count("case"))
        for found, is_draft in ((ReadDraft.objects.filter(case__in=waiting), True), (open_now, False))
    )
    for is_draft, reader, name, number in next(counted).union(next(counted), all=True):
        names[reader] = name
        (drafts if is_draft else held)[reader] = number
    order = sorted(names, key=lambda reader: (-drafts[reader], names[reader]))
    return Figure(
        key="begun",
        title=_("Begun and not signed, now"),
        n=sum(drafts.values()),
        counts=of_reads,
        head=(_("Reader"), _("Begun"), _("Open now")),
        rows=tuple(
            Row(
                str(reader),
                names[reader],
                (drafts[reader], held[reader]),
                unsigned & (_has_begun(reader) | _is_at(reader, now)),
                (
                    Behind.counted(drafts[reader], unsigned & _has_begun(reader)),
                    Behind.counted(held[reader], unsigned & _is_at(reader, now)),
                ),
            )
            for reader in order
        ),
        chart=Chart("bars", [Series(_("Begun"), [drafts[reader] for reader in order], column=0)]),
    )


def _has_begun(reader: UUID) -> Q:
    return Q(read_drafts__reader=reader)


def _is_at(reader: UUID, now: datetime) -> Q:
    return Q(reservation__reader=reader, reservation__until__gte=now)
