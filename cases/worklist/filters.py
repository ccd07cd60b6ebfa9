"""What the doctors' list shows, as its address says it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.db import models
from django.utils.translation import gettext_lazy

from cases.models import BodySite, CaseState, ReadStage, Urgency


class Tab(models.TextChoices):
    WAITING = CaseState.WAITING.value, gettext_lazy("Waiting")
    PHOTOS_WANTED = CaseState.PHOTOS_WANTED.value, gettext_lazy("Photos wanted")
    DRAFT = CaseState.DRAFT.value, gettext_lazy("Drafts")
    SIGNED = CaseState.SIGNED.value, gettext_lazy("Signed")
    WITHDRAWN = CaseState.WITHDRAWN.value, gettext_lazy("Withdrawn")


class Sort(models.TextChoices):
    URGENCY = "urgency", gettext_lazy("Most urgent first")
    OLDEST = "oldest", gettext_lazy("Oldest first")
    NEWEST = "newest", gettext_lazy("Newest first")


class AiKind(models.TextChoices):
    """Codes of cases/prediction/opinions.py `Card.summary`, but for "done"."""

    FLAGGED = "flagged", gettext_lazy("Flagged urgent")
    UNCERTAIN = "uncertain", gettext_lazy("Uncertain")
    PENDING = "pending", gettext_lazy("Being computed")
    FAILED = "failed", gettext_lazy("Failed")
    NONE = "none", gettext_lazy("No AI opinion")


@dataclass(frozen=True)
class Filters:
    """What the list shows. Comes from the address and goes back into it, as codes only."""

    tab: Tab = Tab.WAITING
    urgency: Urgency | None = None
    site: str = ""
    ai: str = ""
    stage: str = ""
    late: bool = False  # past the clinic's target
    mine: bool = False  # for this reader to read; where they do not read, or of drafts: logged by this person
    sort: Sort = Sort.URGENCY

    @classmethod
    def read(cls, query: Mapping[str, str], default_tab: Tab = Tab.WAITING) -> "Filters":
        """From an address; what it does not know, it leaves out."""
        tab = _member(Tab, query.get("tab")) or default_tab
        urgency = query.get("urgency", "")
        return cls(
            tab=tab,
            urgency=Urgency(int(urgency)) if urgency in map(str, Urgency.values) else None,
            site=_member(BodySite, query.get("site")) or "",
            ai=_member(AiKind, query.get("ai")) or "",
            stage=_stage_on(tab, _member(ReadStage, query.get("stage")) or ""),
            late=_late_on(tab, query.get("late") == "1"),
            mine=_mine_on(tab, query.get("mine") == "1"),
            sort=_member(Sort, query.get("sort")) or default_sort(tab),
        )

    @property
    def narrows(self) -> bool:
        return bool(self.urgency or self.site or self.ai or self.stage or self.late or self.mine)

    def are_those_of(self, tab: Tab) -> bool:
        """Whether the list is as it opens on `tab`, with nothing chosen: there is nothing to keep as a view."""
        return self == Filters(tab=tab, sort=default_sort(tab))

    @property
    def asks_each_case(self) -> bool:
        """Whether no index answers all of it (`listing.narrowed`)."""
        return bool(self.site or self.ai or self.mine)

    @property
    def codes(self) -> dict[str, str]:
        """What stands in the address. The tab always does: which one is the default depends on the person."""
        codes = {
            "tab": self.tab,
            "urgency": self.urgency.value if self.urgency else "",
            "site": self.site,
            "ai": self.ai,
            "stage": self.stage,
            "late": "1" if self.late else "",
            "mine": "1" if self.mine else "",
            "sort": self.sort if self.sort != default_sort(self.tab) else "",
        }
        return {name: str(code) for name, code in codes.items() if code}

    @property
    def query(self) -> str:
        """The address's query."""
        return urlencode(self.codes)

    def on(self, tab: Tab) -> "Filters":
        """The same filters on another tab, as far as it has them."""
        return replace(
            self,
            tab=tab,
            sort=default_sort(tab),
            stage=_stage_on(tab, self.stage),
            late=_late_on(tab, self.late),
            mine=_mine_on(tab, self.mine),
        )

    @property
    def has_late(self) -> bool:
        """Whether the tab has the filter by the target."""
        return _late_on(self.tab, True)

    @property
    def has_mine(self) -> bool:
        return _mine_on(self.tab, True)


def default_sort(tab: Tab) -> Sort:
    return Sort.URGENCY if tab in (Tab.WAITING, Tab.PHOTOS_WANTED) else Sort.NEWEST


def _stage_on(tab: Tab, stage: str) -> str:
    """Only what waits for a reader waits for a certain read; elsewhere the filter has no control and no case."""
    return stage if tab == Tab.WAITING else ""


def _late_on(tab: Tab, late: bool) -> bool:
    """Only what waits can be late."""
    return late and tab in (Tab.WAITING, Tab.PHOTOS_WANTED)


def _mine_on(tab: Tab, mine: bool) -> bool:
    """What is left to do is somebody's."""
    return mine and tab in (Tab.WAITING, Tab.PHOTOS_WANTED, Tab.DRAFT)


def _member(choices: Any, code: str | None) -> Any:
    return choices(code) if code in choices.values else None
