"""Who is at what just now: cases that each reader has open, and reads that each has begun and not signed."""

from collections import Counter
from uuid import UUID

from django.db.models import Count, Q, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.figures.figure import Chart, Figure, Row, Series, of_reads
from cases.figures.scope import Scope
from cases.models import ReadDraft, Reservation
from cases.models.case import UNREAD_STATES


def begun(scope: Scope) -> Figure:
    """The queue by reader, whatever the dates say; one query."""
    waiting = scope.cases().filter(state__in=UNREAD_STATES)
    open_now = Reservation.objects.filter(case__in=waiting, until__gte=timezone.now())
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
                Q(state__in=UNREAD_STATES)
                & (
                    Q(read_drafts__reader=reader)
                    | Q(reservation__reader=reader, reservation__until__gte=timezone.now())
                ),
            )
            for reader in order
        ),
        chart=Chart("bars", [Series(_("Begun"), [drafts[reader] for reader in order])]),
    )
