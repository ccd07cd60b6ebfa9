"""Whether what the clinic sends, and what the model answers, is still like the data that the model learnt from."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
from django.db.models import Count, DateField, Q
from django.db.models.functions import TruncWeek
from django.utils.translation import gettext as _

from cases.figures.evidence import MOST_PHOTOS, Asked
from cases.figures.figure import Behind, Chart, Estimate, Figure, Row, Series, Sides, estimates, ids, of_photos, shares
from cases.figures.flow import day_in_words
from cases.figures.scope import Scope
from cases.models import BodySite, Condition
from inference.known import bundle_of, headline
from inference.models import ModelVersion
from inference.statistics import Share, mean_interval, stability

# A shift of shares is not worth a word on fewer photos than this: chance alone would make one.
FEWEST_FOR_SHIFT = 100
# Population stability indices above these are commonly called some shift, and a shift.
SOME_SHIFT, SHIFT = 0.1, 0.25


@dataclass(frozen=True)
class Learnt:
    """What is known of the data that the active model learnt from; empty where its bundle does not say."""

    name: str
    answers: Mapping[str, float]  # the share of photos that it put each condition first on, held out
    sites: Mapping[str, float]
    age: float | None
    novelty: float | None  # the score above which a photo is called strange


def learnt(version: ModelVersion | None) -> Learnt | None:
    """None where no model is active."""
    return learnt_by(version) if version else None


def learnt_by(version: ModelVersion) -> Learnt:
    bundle = bundle_of(version)
    answers: Mapping[str, Any] = bundle.spec["answers"] if bundle else {}
    return Learnt(
        name=version.name,
        answers=_answers_given(version),
        sites=answers.get("sites", {}),
        age=answers.get("age", {}).get("mean"),
        novelty=bundle.novelty_threshold if bundle and np.isfinite(bundle.novelty_threshold) else None,
    )


def answers(scope: Scope) -> Figure:
    """Which conditions the model puts first, beside how often it did on held-out photos."""
    reference = learnt(scope.active_model)
    expected = reference.answers if reference else {}
    names = dict(Condition.objects.filter(code__in=expected).values_list("code", "name"))
    return _compared(
        scope.asked,
        key="answers",
        title=_("What the AI puts first"),
        group=_("Condition"),
        expected=expected,
        names={code: names.get(code, code) for code in expected},
        code_of=lambda photo: photo.code,
        reference=_("Held-out photos of %(name)s") % {"name": reference.name if reference else ""},
    )


def sites(scope: Scope) -> Figure:
    """Where the lesions are, beside the training data."""
    reference = learnt(scope.active_model)
    expected = _sites_expected(reference) if reference else {}
    return _compared(
        scope.asked,
        key="sites",
        title=_("Body sites"),
        group=_("Body site"),
        expected=expected,
        names={code: str(name) for code, name in BodySite.choices if code in expected},
        code_of=lambda photo: _site_code(photo, expected),
        reference=_("Training data of %(name)s") % {"name": reference.name if reference else ""},
    )


def _sites_expected(reference: Learnt) -> dict[str, float]:
    """The shares of the training data's body sites; those that its bundle does not name are "other"."""
    expected = dict(reference.sites)
    if expected and sum(expected.values()) < 1:
        expected["other"] = 1 - sum(expected.values())
    return expected


def _site_code(photo: Asked, expected: Mapping[str, float]) -> str:
    return photo.site if photo.site in expected else "other"


@dataclass(frozen=True)
class Shifted:
    """Population stability indices over the newest photos; None where nothing is known to compare with."""

    n: int
    answers: float | None
    sites: float | None

    @property
    def is_shift(self) -> bool:
        return max(self.answers or 0, self.sites or 0) > SHIFT


def shifted(photos: Sequence[Asked], version: ModelVersion) -> Shifted | None:
    """How far `photos` and what `version` says of them are from what it learnt from; None for too few to say."""
    if len(photos) < FEWEST_FOR_SHIFT:
        return None
    reference = learnt_by(version)
    places = _sites_expected(reference)
    return Shifted(
        n=len(photos),
        answers=_index(Counter(photo.code for photo in photos), reference.answers),
        sites=_index(Counter(_site_code(photo, places) for photo in photos), places),
    )


def _index(counts: Mapping[str, int], expected: Mapping[str, float]) -> float | None:
    return stability([counts[code] for code in expected], list(expected.values())) if expected else None


def ages(scope: Scope) -> Figure:
    """The patients' mean age, week by week, beside the training data's."""
    reference = learnt(scope.active_model)
    return _weekly(
        scope,
        key="ages",
        title=_("Mean age, week by week"),
        column=_("Mean age (95 %)"),
        value_of=lambda photo: float(photo.age),
        mark=reference.age if reference else None,
        mark_label=_("training data"),
    )


def distance(scope: Scope) -> Figure:
    """How far the photos' features lie from those of the training photos, week by week."""
    reference = learnt(scope.active_model)
    return _weekly(
        scope,
        key="distance",
        title=_("Distance from the training photos, week by week"),
        column=_("Mean distance (95 %)"),
        value_of=lambda photo: photo.novelty,
        mark=reference.novelty if reference else None,
        mark_label=_("called strange"),
        note=_(
            "By the features of the model's frozen layers. A single photo beyond the line is called strange; the names "
            "of rows lead to those."
        ),
    )


def quality(scope: Scope) -> Figure:
    """The share of photos with a remark at intake, week by week, beside the time before."""
    by_week: dict[date, list[tuple[UUID, bool]]] = defaultdict(list)
    newest = scope.photos().order_by("-created_at", "-id")
    week_logged = TruncWeek("case__created_at", tzinfo=scope.zone, output_field=DateField())
    for case_id, remarks, week in newest.values_list("case_id", "quality_remarks", week_logged)[:MOST_PHOTOS]:
        by_week[week].append((case_id, bool(remarks)))
    weeks = scope.weeks()
    kept = [Share.of([poor for _case, poor in by_week[week]]) for week in weeks]
    earlier = scope.before.photos().aggregate(poor=Count("id", filter=~Q(quality_remarks=[])), all=Count("id"))
    before = Share(earlier["poor"], earlier["all"])
    return Figure(
        key="quality",
        title=_("Photos with a remark, week by week"),
        n=sum(share.n for share in kept),
        counts=of_photos,
        head=(_("Week of"), _("With a remark")),
        rows=tuple(
            Row(
                week.isoformat(),
                day_in_words(week),
                (share,),
                ids(case for case, poor in by_week[week] if poor),
                (Sides.of(by_week[week]),),
            )
            for week, share in zip(weeks, kept, strict=True)
        ),
        chart=Chart(
            "lines",
            [shares(_("With a remark"), kept)],
            percent=True,
            mark=before.value,
            mark_label=_("the time before"),
        ),
    )


def _compared(
    photos: Sequence[Asked],
    *,
    key: str,
    title: str,
    group: str,
    expected: Mapping[str, float],
    names: Mapping[str, str],
    code_of: Callable[[Asked], str],
    reference: str,
) -> Figure:
    """Shares here beside shares there, the most frequent there first."""
    behind: dict[str, list[UUID]] = defaultdict(list)
    for photo in photos if expected else ():
        behind[code_of(photo)].append(photo.case_id)
    counts = Counter({code: len(found) for code, found in behind.items()})
    order = sorted(expected, key=lambda code: -expected[code])
    n = sum(counts.values())
    kept = [Share(counts[code], n) for code in order]
    return Figure(
        key=key,
        title=title,
        n=n,
        counts=of_photos,
        head=(group, _("Here"), reference),
        rows=tuple(
            Row(
                code,
                names.get(code, code),
                (share, f"{100 * expected[code]:.0f}\u00a0%"),
                ids(behind[code]),
                (Sides(Behind.of(behind[code])),),
            )
            for code, share in zip(order, kept, strict=True)
        ),
        chart=Chart(
            "points",
            [
                shares(_("Here"), kept),
                Series(reference, [expected[code] for code in order], is_reference=True),
            ],
            percent=True,
        ),
        note=_shift_in_words([counts[code] for code in order], [expected[code] for code in order]),
    )


def _shift_in_words(counts: Sequence[int], expected: Sequence[float]) -> str:
    n = sum(counts)
    if n < FEWEST_FOR_SHIFT:
        return _("Too few photos to speak of a shift: %(least)s are needed.") % {"least": FEWEST_FOR_SHIFT}
    index, chance = stability(counts, expected), (len(counts) - 1) / n
    words = _("no shift") if index < SOME_SHIFT else _("some shift") if index < SHIFT else _("a shift")
    return _(
        "Population stability index %(index)s: %(words)s (below 0.1 none, above 0.25 a shift; chance alone about "
        "%(chance)s)."
    ) % {"index": f"{index:.2f}", "words": words, "chance": f"{chance:.2f}"}


def _weekly(
    scope: Scope,
    *,
    key: str,
    title: str,
    column: str,
    value_of: Callable[[Asked], float | None],
    mark: float | None,
    mark_label: str,
    note: str = "",
) -> Figure:
    by_week: dict[date, list[tuple[float, Asked]]] = defaultdict(list)
    for photo in scope.asked:
        value = value_of(photo)
        if value is not None:
            by_week[photo.week].append((value, photo))
    weeks, kept = scope.weeks(), []
    for week in weeks:
        values = [value for value, _photo in by_week[week]]
        kept.append(Estimate.of(*mean_interval(values), len(values)) if values else Estimate(None))
    return Figure(
        key=key,
        title=title,
        n=sum(each.n for each in kept),
        counts=of_photos,
        head=(_("Week of"), column, _("Photos")),
        rows=tuple(
            Row(
                week.isoformat(),
                day_in_words(week),
                (each, each.n),
                _behind(key, by_week[week]),
                (None, Behind.of(photo.case_id for _value, photo in by_week[week])),
            )
            for week, each in zip(weeks, kept, strict=True)
        ),
        chart=Chart("lines", [estimates(column, kept, column=1)], mark=mark, mark_label=mark_label),
        note=note,
    )


def _behind(key: str, photos: Sequence[tuple[float, Asked]]) -> Q | None:
    return ids(photo.case_id for _value, photo in photos if key != "distance" or photo.strange)


def _answers_given(version: ModelVersion) -> dict[str, float]:
    """The shares of the first answers in the model's own held-out test, from its confusion matrix."""
    _split, figures = headline(version)
    matrix, classes = figures.get("confusion"), figures.get("classes")
    if not matrix or not classes:
        return {}
    given = np.asarray(matrix, float).sum(axis=0)
    return dict(zip(classes, (given / max(given.sum(), 1)).tolist(), strict=True))
