"""Signed cases with what was said of each: the AI's opinion, every reader's, and what the case is held to be."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from cases import access, labels
from cases.models import Case, Consent, Patient, Prediction, PredictionState, Read
from inference.models import ModelState

# The newest that are looked at: enough for narrow intervals, and read within a second or two.
MOST_CASES = MOST_PHOTOS = 10_000


@dataclass(frozen=True)
class AiOpinion:
    """The opinion that the case page shows in full: the flagged one, else the first photo's."""

    code: str
    confidence: float
    malignant_probability: float
    urgent: bool


@dataclass(frozen=True)
class Opinion:
    """What one reader signed first in a case; later corrections know more than the photo showed."""

    reader_id: UUID
    reader: str
    code: str
    malignant: bool | None
    management: str
    ai_visible: bool
    first_code: str | None  # what they committed before the AI's opinion was shown, where the clinic has them do so

    @property
    def unaided_code(self) -> str:
        """The condition before the AI was seen, as far as it is known."""
        return self.first_code or self.code


@dataclass(frozen=True)
class Judged:
    """One signed case."""

    id: UUID
    patient: str
    site: str
    age: int
    skin: str  # a code of Fitzpatrick; empty where it was not recorded
    urgency: int
    waiting_since: datetime | None
    signed_at: datetime
    label: labels.CaseLabel | None
    ai: AiOpinion | None
    opinions: tuple[Opinion, ...]


@dataclass(frozen=True)
class Timed:
    """One signed case and how long it took."""

    id: UUID
    urgency: int
    waiting_since: datetime
    signed_at: datetime

    @property
    def hours(self) -> float:
        """From waiting to signed."""
        return max(0.0, (self.signed_at - self.waiting_since).total_seconds() / 3600)


def timed(signed: QuerySet[Case]) -> list[Timed]:
    """The newest of `signed` cases of which it is known how long they took; one query."""
    found = signed.filter(waiting_since__isnull=False).order_by("-signed_at", "-id")
    rows = found.values_list("id", "urgency", "waiting_since", "signed_at")[:MOST_CASES]
    return [Timed(*row) for row in rows]  # type: ignore[arg-type]  # signed, and filtered above: neither is None


@dataclass(frozen=True)
class Evidence:
    cases: tuple[Judged, ...]
    is_cut: bool  # whether there were more than MOST_CASES

    def __iter__(self) -> Iterator[Judged]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)


_COLUMNS = (
    "id",
    "lesion__patient_id",
    "lesion__body_site",
    "lesion__patient__birth_date",
    "lesion__patient__fitzpatrick",
    "lesion__patient__ai_consent",
    "urgency",
    "created_at",
    "waiting_since",
    "signed_at",
)


def gather(person: User, signed: QuerySet[Case], reader: User | None) -> Evidence:
    """The newest of `signed` cases; five queries. With `reader`, only that reader's opinions are looked at."""
    rows = list(signed.order_by("-signed_at", "-id").values_list(*_COLUMNS)[: MOST_CASES + 1])
    is_cut, rows = len(rows) > MOST_CASES, rows[:MOST_CASES]
    if not rows:
        return Evidence((), False)
    wanted = signed.filter(signed_at__gte=rows[-1][-1]) if is_cut else signed
    truth = labels.of_cases(wanted)
    ai = _ai_opinions(access.predictions(person).filter(image__case__in=wanted))
    reads = access.reads(person).filter(case__in=wanted)
    opinions = _opinions(reads.filter(reader=reader) if reader else reads)
    return Evidence(
        tuple(
            Judged(
                id=case_id,
                patient=str(patient_id),
                site=site,
                age=Patient(birth_date=born).age_on(timezone.localdate(created_at)),
                skin=skin,
                urgency=urgency,
                waiting_since=waiting_since,
                signed_at=signed_at,
                label=truth.get(case_id),
                ai=ai.get(case_id) if consent == Consent.GRANTED else None,
                opinions=tuple(opinions.get(case_id, {}).values()),
            )
            for case_id, patient_id, site, born, skin, consent, urgency, created_at, waiting_since, signed_at in rows
        ),
        is_cut,
    )


def _ai_opinions(predictions: QuerySet[Prediction]) -> dict[UUID, AiOpinion]:
    columns = ("image__case_id", "image_id", "probabilities", "malignant_probability", "urgent")
    newest: dict[UUID, dict[UUID, tuple[Any, ...]]] = {}
    done = predictions.filter(state=PredictionState.DONE).order_by("image__created_at", "image_id", "queued_at", "id")
    for case_id, image_id, *said in done.values_list(*columns):
        newest.setdefault(case_id, {})[image_id] = tuple(said)
    return {case_id: _shown(list(of_case.values())) for case_id, of_case in newest.items()}


def _shown(photos: list[tuple[Any, ...]]) -> AiOpinion:
    flagged = [said for said in photos if said[2]]
    probabilities, malignant, urgent = max(flagged, key=lambda said: said[1] or 0) if flagged else photos[0]
    code, share = probabilities[0]
    return AiOpinion(code, float(share), float(malignant or 0), bool(urgent))


def _opinions(reads: QuerySet[Read]) -> dict[UUID, dict[UUID, Opinion]]:
    columns = (
        "reader_id",
        "reader__name",
        "condition_id",
        "condition__malignant",
        "management",
        "ai_visible",
        "first_opinion__condition_id",
    )
    found: dict[UUID, dict[UUID, Opinion]] = {}
    for case_id, *said in reads.order_by("signed_at", "id").values_list("case_id", *columns):
        found.setdefault(case_id, {}).setdefault(said[0], Opinion(*said))
    return found


@dataclass(frozen=True)
class Asked:
    """One photo that the active model was asked about."""

    case_id: UUID
    code: str
    novelty: float | None
    strange: bool
    site: str
    age: int
    logged_at: datetime


def photos_asked(predictions: QuerySet[Prediction], most: int = MOST_PHOTOS) -> list[Asked]:
    """The newest photos among `predictions` that the active model has judged; one query."""
    columns = (
        "image__case_id",
        "probabilities",
        "novelty",
        "strange",
        "image__case__lesion__body_site",
        "image__case__lesion__patient__birth_date",
        "image__case__created_at",
    )
    done = predictions.filter(state=PredictionState.DONE, model_version__state=ModelState.ACTIVE)
    return [
        Asked(
            case_id,
            probabilities[0][0],
            novelty,
            strange,
            site,
            Patient(birth_date=born).age_on(timezone.localdate(logged_at)),
            logged_at,
        )
        for case_id, probabilities, novelty, strange, site, born, logged_at in done.order_by(
            "-image__case__created_at", "-id"
        ).values_list(*columns)[:most]
    ]
