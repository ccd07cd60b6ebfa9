"""Which figures there are, in the order of the pages, and for whom."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _

from cases.figures import agreement, begun, drift, flow, influence, outcomes
from cases.figures.figure import Figure
from cases.figures.scope import Scope


class Section(models.TextChoices):
    FLOW = "flow", _("Flow")
    AGREEMENT = "agreement", _("Agreement")
    OUTCOMES = "outcomes", _("Outcomes")
    GROUPS = "groups", _("Groups")
    DRIFT = "drift", _("Drift")


@dataclass(frozen=True)
class Entry:
    section: Section
    make: Callable[[Scope], Figure]
    for_readers: bool = True  # whether it says something of one reader's own cases


ENTRIES: dict[str, Entry] = {
    "volumes": Entry(Section.FLOW, flow.volumes, for_readers=False),
    "turnaround": Entry(Section.FLOW, flow.turnaround),
    "turnaround_weeks": Entry(Section.FLOW, flow.turnaround_weeks),
    "queue": Entry(Section.FLOW, flow.queue, for_readers=False),
    "begun": Entry(Section.FLOW, begun.begun, for_readers=False),
    "workload": Entry(Section.FLOW, flow.workload),
    "wanted": Entry(Section.FLOW, flow.wanted, for_readers=False),
    "rejections": Entry(Section.FLOW, flow.rejections, for_readers=False),
    "with_ai": Entry(Section.AGREEMENT, agreement.with_ai),
    "between_readers": Entry(Section.AGREEMENT, agreement.between_readers, for_readers=False),
    "confusion": Entry(Section.AGREEMENT, agreement.confusion),
    "sensitivity": Entry(Section.OUTCOMES, outcomes.sensitivity),
    "calibration": Entry(Section.OUTCOMES, outcomes.calibration),
    "influence": Entry(Section.AGREEMENT, influence.influence),
    "skin": Entry(Section.GROUPS, agreement.by_skin_type),
    "age": Entry(Section.GROUPS, agreement.by_age),
    "answers": Entry(Section.DRIFT, drift.answers, for_readers=False),
    "sites": Entry(Section.DRIFT, drift.sites, for_readers=False),
    "ages": Entry(Section.DRIFT, drift.ages, for_readers=False),
    "distance": Entry(Section.DRIFT, drift.distance, for_readers=False),
    "quality": Entry(Section.DRIFT, drift.quality, for_readers=False),
}


def sections(scope: Scope) -> list[Section]:
    """The pages that have a figure for this person."""
    return [section for section in Section if any(_shown(scope, section))]


def figures(scope: Scope, section: Section) -> list[Figure]:
    return [entry.make(scope) for entry in _shown(scope, section)]


def figure(scope: Scope, key: str) -> Figure | None:
    """The figure called `key`; None where there is none, or it is not for this person."""
    entry = ENTRIES.get(key)
    return entry.make(scope) if entry and (entry.for_readers or not scope.reader) else None


def _shown(scope: Scope, section: Section) -> list[Entry]:
    return [entry for entry in ENTRIES.values() if entry.section == section and (entry.for_readers or not scope.reader)]
