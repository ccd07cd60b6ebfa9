"""Whose figures, and from when to when. Everything that is counted comes from here, and here from cases/access.py."""

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.access import can
from accounts.models import Clinic, User
from accounts.roles import Capability
from cases import access, blinding
from cases.figures.evidence import Asked, Evidence, Timed, gather, photos_asked, read_by, said_since, timed
from cases.models import Case, CaseState, LesionImage, Prediction, Read
from cases.reading import labels
from inference import registry
from inference.models import ModelVersion

DEFAULT_DAYS = 90
MOST_DAYS = 366 * 5


@dataclass(frozen=True)
class Scope:
    """The clinic's cases as `person` may see them; `reader` narrows them to what that reader has read."""

    person: User
    clinic: Clinic
    reader: User | None
    first: date
    last: date

    @classmethod
    def read(cls, query: Mapping[str, str], person: User, clinic: Clinic) -> "Scope":
        """From an address: `from` and `to` as days, and `mine` for a lead's own reads.

        Raises:
            PermissionDenied: the person neither reads here nor sees the clinic's figures.
        """
        reads_here, sees_all = (can(person, clinic, each) for each in (Capability.SIGN_READS, Capability.SEE_FIGURES))
        if not reads_here and not sees_all:
            raise PermissionDenied
        own = reads_here and (not sees_all or bool(query.get("mine")))
        today = timezone.localdate(timezone=zoneinfo.ZoneInfo(clinic.time_zone))
        last = min(_day(query.get("to", "")) or today, today)
        first = _day(query.get("from", "")) or last - timedelta(days=DEFAULT_DAYS - 1)
        first = max(min(first, last), last - timedelta(days=MOST_DAYS))
        return cls(person, clinic, person if own else None, first, last)

    @property
    def query(self) -> str:
        """The address's query."""
        codes = {"from": self.first.isoformat(), "to": self.last.isoformat()}
        if self.reader and can(self.person, self.clinic, Capability.SEE_FIGURES):
            codes["mine"] = "1"
        return urlencode(codes)

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.clinic.time_zone)

    @property
    def span(self) -> tuple[datetime, datetime]:
        """From the first day's midnight to the last moment of the last day, by the clinic's clock."""
        return (
            datetime.combine(self.first, time.min, self.zone),
            datetime.combine(self.last, time.max, self.zone),
        )

    @property
    def before(self) -> "Scope":
        """The time of the same length just before."""
        days = (self.last - self.first).days + 1
        return replace(self, first=self.first - timedelta(days=days), last=self.last - timedelta(days=days))

    def cases(self) -> QuerySet[Case]:
        return read_by(self.reader, self._all_cases())

    def _all_cases(self) -> QuerySet[Case]:
        return access.cases(self.person).filter(clinic=self.clinic)

    def logged(self) -> QuerySet[Case]:
        return self.cases().filter(self._logged())

    def _logged(self, path: str = "") -> Q:
        """The cases of this time, as a filter on what reaches its case by `path`."""
        return Q(**{f"{path}created_at__range": self.span}) & ~Q(**{f"{path}state": CaseState.WITHDRAWN})

    def signed(self) -> QuerySet[Case]:
        return read_by(self.reader, self._all_signed())

    def _all_signed(self) -> QuerySet[Case]:
        return self._all_cases().filter(state=CaseState.SIGNED, signed_at__range=self.span)

    def reads(self) -> QuerySet[Read]:
        """The reads signed in this time whose readers the person may know; a reader's own alone, if so narrowed."""
        found = access.reads(self.person).filter(case__clinic=self.clinic, signed_at__range=self.span)
        found = found.exclude(case__in=blinding.names_hidden_cases(self.person))
        return found.filter(reader=self.reader) if self.reader else found

    def photos(self) -> QuerySet[LesionImage]:
        found = access.images(self.person).filter(
            self._logged("case__"), case__clinic=self.clinic, created_at__gte=said_since(self.span[0])
        )
        return read_by(self.reader, found, "case")

    def predictions(self) -> QuerySet[Prediction]:
        found = access.predictions(self.person).filter(
            self._logged("image__case__"),
            image__case__clinic=self.clinic,
            image__created_at__gte=said_since(self.span[0]),
        )
        return read_by(self.reader, found, "image__case")

    @cached_property
    def evidence(self) -> Evidence:
        return gather(self._all_signed(), self.reader, self.kinds)

    @cached_property
    def kinds(self) -> labels.Kinds:
        """Every condition's name, and whether it is malignant: asked for once a page."""
        return labels.kinds()

    @property
    def condition_names(self) -> dict[str, str]:
        return {code: name for code, (name, _malignant) in self.kinds.items()}

    @cached_property
    def timed(self) -> list[Timed]:
        return timed(self.signed(), self.clinic)

    @cached_property
    def active_model(self) -> ModelVersion | None:
        try:
            return registry.active()
        except registry.NoActiveModel:
            return None

    @cached_property
    def asked(self) -> list[Asked]:
        return photos_asked(self.predictions(), self.zone)

    def weeks(self) -> list[date]:
        """The Mondays of this time, also of weeks in which nothing happened."""
        monday = self.first - timedelta(days=self.first.weekday())
        return [monday + timedelta(weeks=n) for n in range((self.last - monday).days // 7 + 1)]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
