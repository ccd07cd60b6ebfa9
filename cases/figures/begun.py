"""Who is at what just now: cases that each reader has open, and reads that each has begun and not signed."""

from collections import Counter

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from cases.figures.figure import Chart, Figure, Row, Series
from cases.figures.scope import Scope
from cases.models import ReadDraft, Reservation
from cases.models.case import UNREAD_STATES


def begun(scope: Scope) -> Figure:
    """The queue by reader, whatever the dates say; three queries."""
    waiting = scope.cases().filter(state__in=UNREAD_STATES)
    drafts = Counter(ReadDraft.objects.filter(case__in=waiting).values_list("reader_id", flat=True))
    held = Counter(
        Reservation.objects.filter(case__in=waiting, until__gte=timezone.now()).values_list("reader_id", flat=True)
    )
    names = dict(User.objects.filter(id__in={*drafts, *held}).values_list("id", "name"))
    order = sorted(names, key=lambda reader: (-drafts[reader], names[reader]))
    return Figure(
        key="begun",
        title=_("Begun and not signed, now"),
        n=sum(drafts.values()),
        counts=_("reads"),
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
