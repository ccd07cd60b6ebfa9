"""Comparisons as jobs: asked for on a page, carried out by the training worker, with progress; kept for good.

The row is the queue, as it is for predictions: claimed by one UPDATE, leased while somebody works, taken up again by
the sweep when a worker was lost.
"""

import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cases.jobs import leases
from inference import registry
from inference.bundle import BundleError
from inference.models import COMPARISON_PENDING, Comparison, ComparisonState, ModelVersion
from training import queue
from training.comparing.paired import compare, overlap
from training.data import testsets
from training.data.datasets import DataError, DataSet
from training.progress import Report

TASK = "training.tasks.compare"
LEASE = timedelta(minutes=5)  # longer than the intervals take after the last photo
RESEND_AFTER = timedelta(minutes=5)  # a training run may keep the worker for longer than that
MAX_ATTEMPTS = 3
_SECONDS_BETWEEN_REPORTS = 1.0


class ComparisonRefused(Exception):
    """The comparison cannot be made; the text says why, for people."""


@transaction.atomic
def request(candidate: ModelVersion, *, source: str, by: str) -> Comparison:
    """Queues a comparison of `candidate` with the active model; one that waits already is that one.

    Raises:
        ComparisonRefused: no model is active, it is the candidate itself, or there is no such test set.
    """
    try:
        active = registry.active()
    except registry.NoActiveModel as error:
        raise ComparisonRefused(_("No model is active, so there is nothing to compare with.")) from error
    if active == candidate:
        raise ComparisonRefused(_("This is the active model: choose a candidate to compare with it."))
    chosen = next((each for each in testsets.available() if each.key == source), None)
    if chosen is None:
        raise ComparisonRefused(_("Choose one of the test sets."))
    comparison, created = Comparison.objects.get_or_create(
        candidate=candidate,
        baseline=active,
        source=source,
        state__in=COMPARISON_PENDING,
        defaults={"by": by, "data": chosen.title[:200]},
    )
    if created:
        queue.tell_on_commit(TASK, comparison.id)
    return comparison


def cancel(comparison: Comparison) -> bool:
    """Ends a comparison that waits or runs; False if it has ended by itself."""
    return bool(
        Comparison.objects.filter(id=comparison.id, state__in=COMPARISON_PENDING).update(
            state=ComparisonState.CANCELLED, finished_at=timezone.now(), claim_token=None, lease_until=None
        )
    )


def run(comparison_id: UUID) -> bool:
    """Claims, computes and stores one comparison; False if there is nothing to do or it was cancelled meanwhile.

    Raises:
        Exception: any surprise, after the row says `failed` with a reason.
    """
    comparison = _claim(comparison_id)
    if comparison is None:
        return False
    try:
        whole, split = testsets.load(comparison.source, comparison.by)
        fields = _measured(comparison.candidate, comparison.baseline, whole, split, _RowReport(comparison))
    except _Lost:
        return False
    except (DataError, BundleError) as error:
        return _finish(comparison, state=ComparisonState.FAILED, reason=str(error)[:500])
    except Exception:
        _finish(comparison, state=ComparisonState.FAILED, reason=_("The computation broke off. Ask for it again."))
        raise
    return _finish(comparison, state=ComparisonState.DONE, **fields)


def run_now(
    candidate: ModelVersion, baseline: ModelVersion, whole: DataSet, split: str, *, by: str, report: Report
) -> Comparison:
    """Compares at once, on a split of any data set, and stores the result: for the command line.

    Raises:
        DataError, BundleError: what cannot be measured, in one sentence.
    """
    fields = _measured(candidate, baseline, whole, split, report)
    return Comparison.objects.create(
        candidate=candidate,
        baseline=baseline,
        data=f"{whole.folder.resolve().name}, {split}"[:200],
        by=by,
        state=ComparisonState.DONE,
        finished_at=timezone.now(),
        done=2 * fields["n"],
        total=2 * fields["n"],
        **fields,
    )


def sweep() -> int:
    """Sends again what waits too long or lost its worker, gives up what failed too often; returns their number."""
    now = timezone.now()
    lost = _lost(now)
    given_up = Comparison.objects.filter(lost, attempts__gte=MAX_ATTEMPTS).update(
        state=ComparisonState.FAILED,
        reason=_("The computation stopped three times without a result."),
        finished_at=now,
        claim_token=None,
        lease_until=None,
    )
    waiting = Comparison.objects.filter(
        lost | Q(state=ComparisonState.QUEUED) & leases.waits_since("at", now, RESEND_AFTER)
    ).values_list("id", flat=True)
    return given_up + sum(queue.tell(TASK, each) for each in waiting)


def cautions(comparison: Comparison) -> list[str]:
    """What limits a finished comparison's word, in sentences."""
    figures, said = comparison.figures, []
    overlap = figures["overlap"]
    if overlap["candidate"]:
        said.append(
            _(
                "%(count)s of the %(n)s photos were used to train %(name)s: its figures are too good, and do not count "
                "for a promotion."
            )
            % {"count": overlap["candidate"], "n": comparison.n, "name": comparison.candidate}
        )
    if overlap["baseline"]:
        said.append(
            _("%(count)s of the %(n)s photos were used to train %(name)s: its figures are too good.")
            % {"count": overlap["baseline"], "n": comparison.n, "name": comparison.baseline}
        )
    unknown = [
        version.name
        for side, version in (("candidate", comparison.candidate), ("baseline", comparison.baseline))
        if overlap[side] is None
    ]
    if unknown:
        said.append(
            _("Whether %(names)s learned from photos of this test set cannot be known: no list of its photos is kept.")
            % {"names": _(" and ").join(unknown)}
        )
    if testsets.is_of_cases(comparison.source):
        said.append(
            _("Those who signed these cases may have seen the opinion of %(name)s, which flatters it.")
            % {"name": comparison.baseline}
        )
    if left_out := figures["left_out"]:
        said.append(
            _("Left out, because one of the models does not know the class: %(classes)s.")
            % {"classes": ", ".join(f"{code} ({count})" for code, count in left_out.items())}
        )
    if broken := len(figures["broken"]):
        said.append(ngettext("%(n)s file cannot be read.", "%(n)s files cannot be read.", broken) % {"n": broken})
    return said


class _Lost(Exception):
    """The claim is gone: the comparison was cancelled, or another worker has it."""


class _RowReport(Report):
    """Writes the progress into the row, which also renews the lease."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison, self._shown = comparison, 0.0

    def step(self, stage: str, done: int, total: int, text: str = "") -> None:
        now = time.monotonic()
        if done < total and now - self._shown < _SECONDS_BETWEEN_REPORTS:
            return
        self._shown = now
        held = Comparison.objects.filter(id=self._comparison.id, claim_token=self._comparison.claim_token)
        if not held.update(done=done, total=total, lease_until=timezone.now() + LEASE):
            raise _Lost


def _lost(now: datetime) -> Q:
    """Running, and its worker is gone."""
    return Q(state=ComparisonState.RUNNING) & leases.ended(now, LEASE)


def _claim(comparison_id: UUID) -> Comparison | None:
    now, token = timezone.now(), uuid4()
    changed = (
        Comparison.objects.filter(id=comparison_id, attempts__lt=MAX_ATTEMPTS)
        .filter(Q(state=ComparisonState.QUEUED) | _lost(now))
        .update(state=ComparisonState.RUNNING, claim_token=token, lease_until=now + LEASE, attempts=F("attempts") + 1)
    )
    if not changed:
        return None
    return (
        Comparison.objects.select_related("candidate", "baseline").filter(id=comparison_id, claim_token=token).first()
    )


def _measured(
    candidate: ModelVersion, baseline: ModelVersion, whole: DataSet, split: str, report: Report
) -> dict[str, Any]:
    dataset = whole.split(split)
    engines = {"candidate": registry.engine(candidate), "baseline": registry.engine(baseline)}
    figures = compare(engines["candidate"], engines["baseline"], dataset, report=report)
    figures["overlap"] = {side: overlap(engine.bundle, whole, split) for side, engine in engines.items()}
    return {"n": figures["n"], "manifest_sha256": dataset.manifest_hash(), "figures": figures}


def _finish(comparison: Comparison, **fields: Any) -> bool:
    held = Comparison.objects.filter(id=comparison.id, claim_token=comparison.claim_token)
    return bool(held.update(finished_at=timezone.now(), claim_token=None, lease_until=None, **fields))
