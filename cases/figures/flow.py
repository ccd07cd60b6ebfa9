"""How cases flow: volumes, turnaround against the clinic's targets, who waits, who reads, what photos lacked."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Case as Choice
from django.db.models import Count, Min, Q, TextField, UUIDField, Value, When
from django.db.models.functions import Cast, TruncWeek
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Clinic
from cases.figures.evidence import Timed, said_since
from cases.figures.figure import Behind, Chart, Figure, Hours, Row, Series, Sides, ids, of_photos, of_reads, shares
from cases.figures.scope import Scope
from cases.models import CaseState, PhotoFault, PhotoRequest, PredictionState, Urgency
from cases.models.case import UNREAD_STATES
from cases.pixels.remarks import SENTENCES
from cases.prediction.refusals import photo_to_blame
from cases.worklist import targets
from inference.statistics import Share


def volumes(scope: Scope) -> Figure:
    """Cases logged and signed in each week; one query."""
    logged: dict[datetime, int] = {}
    signed: dict[datetime, int] = {}
    counted = (
        found.order_by()
        .annotate(is_signed=Value(is_signed), week=TruncWeek(moment, tzinfo=scope.zone))
        .values_list("is_signed", "week")
        .annotate(number=Count("*"))
        for found, moment, is_signed in ((scope.logged(), "created_at", False), (scope.signed(), "signed_at", True))
    )
    for is_signed, week, number in next(counted).union(next(counted), all=True):
        (signed if is_signed else logged)[week] = number
    weeks = scope.weeks()
    per_week = [tuple(_of_week(found, week) for found in (logged, signed)) for week in weeks]
    return Figure(
        key="volumes",
        title=_("Cases a week"),
        n=sum(logged.values()),
        counts=_of_logged,
        head=(_("Week of"), _("Logged"), _("Signed")),
        rows=tuple(
            Row(
                week.isoformat(),
                day_in_words(week),
                counts,
                in_week(scope, week, "created_at", "signed_at"),
                (
                    Behind.counted(counts[0], in_week(scope, week, "created_at")),
                    Behind.counted(counts[1], in_week(scope, week, "signed_at") & Q(state=CaseState.SIGNED)),
                ),
            )
            for week, counts in zip(weeks, per_week, strict=True)
        ),
        chart=Chart(
            "lines",
            [
                Series(_("Logged"), [counts[0] for counts in per_week], column=0, is_reference=True),
                Series(_("Signed"), [counts[1] for counts in per_week], column=1),
            ],
        ),
    )


def turnaround(scope: Scope) -> Figure:
    """The share signed within the target, and how long patients waited in all, tier by tier."""
    rows, kept = [], []
    for tier in Urgency:
        timed = [case for case in scope.timed if case.urgency == tier]
        late = [case for case in timed if not case.in_time]
        within = Share(len(timed) - len(late), len(timed))
        kept.append(within)
        median, tenth = _median_and_tenth(timed)
        rows.append(
            Row(
                str(tier.value),
                str(tier.label),
                (within, Hours(_target_hours(scope.clinic, tier)), median, tenth, len(late)),
                ids(case.id for case in late),
                (_within(timed), None, None, None, Behind.of(case.id for case in late)),
            )
        )
    return Figure(
        key="turnaround",
        title=_("Signed within the target"),
        n=sum(share.n for share in kept),
        head=(
            _("Urgency"),
            _("Within the target"),
            _("Target"),
            _("Median"),
            _("Slowest tenth"),
            _("Late cases"),
        ),
        rows=tuple(rows),
        chart=Chart("points", [shares(_("Within the target"), kept)], percent=True),
        note=_(
            "The target counts from when a case was last sent: it begins anew when one comes back with new photos. "
            "Median and slowest tenth count from when it was first sent, for so long the patient waited. The names of "
            "rows lead to the cases that were signed late."
        ),
    )


def turnaround_weeks(scope: Scope) -> Figure:
    """The share signed within the target, week by week."""
    weeks = scope.weeks()
    by_week: dict[date, list[Timed]] = defaultdict(list)
    for case in scope.timed:
        by_week[case.week].append(case)
    kept = [Share.of([case.in_time for case in by_week[week]]) for week in weeks]
    return Figure(
        key="turnaround_weeks",
        title=_("Within the target, week by week"),
        n=sum(share.n for share in kept),
        head=(_("Week of"), _("Within the target"), _("Median")),
        rows=tuple(
            Row(
                week.isoformat(),
                day_in_words(week),
                (share, _median_and_tenth(by_week[week])[0]),
                ids(case.id for case in by_week[week] if not case.in_time),
                (_within(by_week[week]),),
            )
            for week, share in zip(weeks, kept, strict=True)
        ),
        chart=Chart("lines", [shares(_("Within the target"), kept)], percent=True),
        note=_(
            "The target counts from when a case was last sent, the median from when it was first sent. The names of "
            "rows lead to the cases that were signed late."
        ),
    )


def queue(scope: Scope) -> Figure:
    """Who waits just now, whatever the dates say; one query."""
    now = timezone.now()
    waiting = scope.cases().filter(state__in=UNREAD_STATES)
    found: dict[int, dict[str, Any]] = {
        row["urgency"]: dict(row)
        for row in waiting.order_by()
        .values("urgency")
        .annotate(
            number=Count("id"),
            late=Count("id", filter=targets.passed(scope.clinic)),
            oldest=Min("waiting_since"),
            photos=Count("id", filter=Q(state=CaseState.PHOTOS_WANTED)),
        )
    }
    none = {"number": 0, "late": 0, "oldest": None, "photos": 0}
    tiers = [found.get(tier.value, none) for tier in Urgency]
    rows = []
    for tier, row in zip(Urgency, tiers, strict=True):
        oldest = (now - row["oldest"]).total_seconds() / 3600 if row["oldest"] else None
        values = (row["number"], row["late"], row["photos"], Hours(oldest))
        of_tier = Q(state__in=UNREAD_STATES, urgency=tier)
        parts = (
            Behind.counted(row["number"], of_tier),
            Behind.counted(row["late"], of_tier & targets.passed(scope.clinic)),
            Behind.counted(row["photos"], Q(state=CaseState.PHOTOS_WANTED, urgency=tier)),
        )
        rows.append(Row(str(tier.value), str(tier.label), values, of_tier, parts))
    return Figure(
        key="queue",
        title=_("Waiting now"),
        n=sum(row["number"] for row in found.values()),
        head=(_("Urgency"), _("Waiting"), _("Over the target"), _("For photos"), _("Oldest")),
        rows=tuple(rows),
        chart=Chart(
            "bars",
            [
                Series(_("Waiting"), [row["number"] for row in tiers], column=0, is_reference=True),
                Series(_("Over the target"), [row["late"] for row in tiers], column=1),
            ],
        ),
    )


def workload(scope: Scope) -> Figure:
    """Reads and cases of each reader; one query."""
    rows = list(
        scope.reads()
        .order_by()
        .values("reader_id", "reader__name")
        .annotate(
            reads=Count("id"),
            read_cases=Count("case_id", distinct=True),
            corrections=Count("corrects_id"),
            corrected=Count("case_id", distinct=True, filter=Q(corrects__isnull=False)),
        )
        .order_by("-reads", "reader__name")
    )
    return Figure(
        key="workload",
        title=_("Reads by reader"),
        n=sum(row["reads"] for row in rows),
        counts=of_reads,
        head=(_("Reader"), _("Reads"), _("Cases"), _("Corrections")),
        rows=tuple(
            Row(
                str(row["reader_id"]),
                row["reader__name"],
                (row["reads"], row["read_cases"], row["corrections"]),
                _read_by(scope, row["reader_id"]),
                (
                    Behind.counted(row["read_cases"], _read_by(scope, row["reader_id"])),
                    Behind.counted(row["read_cases"], _read_by(scope, row["reader_id"])),
                    Behind.counted(row["corrected"], _read_by(scope, row["reader_id"], corrects__isnull=False)),
                ),
            )
            for row in rows
        ),
        # One bar compares nothing with nothing.
        chart=Chart("bars", [Series(_("Reads"), [row["reads"] for row in rows], column=0)]) if len(rows) > 1 else None,
    )


def rejections(scope: Scope) -> Figure:
    """What was wrong with photos: remarks at intake, and what the AI could not use; one query.

    Its rows are a photo with codes each, and one row without a photo, which says how many photos there are.
    """
    photos = scope.photos().order_by()
    unusable = scope.predictions().filter(photo_to_blame(), queued_at__gte=said_since(scope.span[0])).order_by()
    nobody = Value(None, output_field=UUIDField())
    codes = Choice(When(state=PredictionState.DONE, then=Value('["strange"]')), default=Value('["refused"]'))
    rows = (
        photos.exclude(quality_remarks=[])
        .values_list("case_id", "id", Cast("quality_remarks", TextField()))
        .union(
            unusable.values_list("image__case_id", "image_id", codes),
            photos.values(nobody=nobody, nothing=nobody).values_list(
                "nobody", "nothing", Cast(Count("*"), TextField())
            ),
            all=True,
        )
    )
    total, faults = 0, set()
    for case_id, photo_id, said in rows:
        if photo_id is None:
            total = int(said)
        else:
            faults |= {(case_id, photo_id, code) for code in json.loads(said)}
    found: dict[str, list[UUID]] = defaultdict(list)
    for case_id, _photo_id, code in faults:
        if code in SENTENCES or code in ("strange", "refused"):
            found[code].append(case_id)
    reasons = sorted((each for each in found.items() if each[1]), key=lambda each: -len(each[1]))
    kept = [Share(min(len(case_ids), total), total) for _code, case_ids in reasons]
    return Figure(
        key="rejections",
        title=_("What was wrong with photos"),
        n=total,
        counts=of_photos,
        head=(_("Reason"), _("Photos")),
        rows=tuple(
            Row(code, _fault_in_words(code), (share,), ids(case_ids), (Sides(Behind.of(case_ids)),))
            for (code, case_ids), share in zip(reasons, kept, strict=True)
        ),
        chart=Chart("points", [shares(_("Photos"), kept)], percent=True),
    )


def wanted(scope: Scope) -> Figure:
    """Why readers sent photos back; one query. A request may name several faults."""
    asked = PhotoRequest.objects.filter(
        case__in=scope.cases(), asked_at__range=scope.span, cancelled_at__isnull=True
    ).values_list("case_id", "faults")
    found: dict[str, list[UUID]] = defaultdict(list)
    requests = list(asked.order_by())
    for case_id, faults in requests:
        for code in faults:
            found[code].append(case_id)
    reasons = sorted(found.items(), key=lambda each: -len(each[1]))
    words = {code: str(name).partition(":")[0] for code, name in PhotoFault.choices}
    kept = [Share(len(case_ids), len(requests)) for _code, case_ids in reasons]
    return Figure(
        key="wanted",
        title=_("Why readers wanted other photos"),
        n=len(requests),
        counts=_of_requests,
        head=(_("Reason"), _("Requests")),
        rows=tuple(
            Row(code, words.get(code, code), (share,), ids(case_ids), (Sides(Behind.of(case_ids)),))
            for (code, case_ids), share in zip(reasons, kept, strict=True)
        ),
        chart=Chart("points", [shares(_("Requests"), kept)], percent=True),
    )


def _fault_in_words(code: str) -> str:
    return {
        "blurred": _("Blurred"),
        "too_dark": _("Too dark"),
        "too_bright": _("Burnt out"),
        "small": _("Small"),
        "too_far": _("Too far away"),
        "several_pictures": _("Several pictures in one file"),
        "like_one_here": _("Almost the same as another of the case"),
        "like_an_earlier": _("Almost the same as one of an earlier case"),
        "like_another_patients": _("Almost the same as another patient's"),
        "strange": _("No lesion to be seen, says the AI"),
        "refused": _("The AI could not use it"),
    }.get(code, code)


def day_in_words(day: date) -> str:
    return formats.date_format(day, "j M Y")


def in_week(scope: Scope, week: date, *moments: str) -> Q:
    """The cases of which one of the `moments` lies in that week and in the scope's time."""
    start = datetime.combine(max(week, scope.first), time.min, scope.zone)
    end = datetime.combine(min(week + timedelta(days=6), scope.last), time.max, scope.zone)
    wanted = Q()
    for moment in moments:
        wanted |= Q(**{f"{moment}__range": (start, end)})
    return wanted & ~Q(state=CaseState.WITHDRAWN)


def _of_week(found: dict[datetime, int], week: date) -> int:
    return sum(number for moment, number in found.items() if moment.date() == week)


def _target_hours(clinic: Clinic, tier: int) -> float:
    return targets.target(clinic, tier).total_seconds() / 3600


def _within(cases: Iterable[Timed]) -> Sides:
    return Sides.of((case.id, case.in_time) for case in cases)


def _median_and_tenth(cases: Iterable[Timed]) -> tuple[Hours, Hours]:
    hours = [case.hours for case in cases]
    if not hours:
        return Hours(None), Hours(None)
    median, tenth = np.percentile(hours, (50, 90))
    return Hours(float(median)), Hours(float(tenth))


def _read_by(scope: Scope, reader_id: UUID, **only: bool) -> Q:
    return Q(id__in=scope.reads().filter(reader=reader_id, **only).order_by().values("case_id"))


def _of_logged(n: int) -> str:
    return ngettext("case logged", "cases logged", n)


def _of_requests(n: int) -> str:
    return ngettext("request", "requests", n)
