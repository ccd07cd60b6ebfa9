"""Signed cases with what was said of each: the AI's opinion, every reader's, and what the case is held to be."""

from collections import defaultdict
from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Case as Choice
from django.db.models import DateField, Exists, F, OuterRef, QuerySet, When
from django.db.models.functions import TruncDate, TruncWeek

from accounts.models import Clinic, User
from cases.models import Case, Consent, OutcomeVersion, Prediction, PredictionState, Read
from cases.models.patient import completed_years
from cases.models.prediction import first_code, first_share
from cases.models.read import OWN_KINDS
from cases.reading import labels
from cases.worklist import targets
from inference.models import ModelState

# The newest that are looked at: enough for narrow intervals, and read within a second or two.
MOST_CASES = MOST_PHOTOS = 10_000


class AiOpinion(NamedTuple):
    """The opinion that the case page shows in full: the flagged one, else the first photo's."""

    code: str
    confidence: float
    malignant_probability: float
    urgent: bool


class Opinion(NamedTuple):
    """What one reader signed in a case."""

    reader_id: UUID
    reader: str
    kind: str  # a code of ReadKind
    code: str
    malignant: bool | None
    management: str
    ai_visible: bool
    first_code: str | None  # what they committed before the AI's opinion was shown, where the clinic has them do so

    @property
    def unaided_code(self) -> str:
        """The condition before the AI was seen, as far as it is known."""
        return self.first_code or self.code

    @property
    def is_independent(self) -> bool:
        """Whether it was formed without another reader's: who settles a disagreement or adds to a signed case has
        seen what was said.
        """
        return self.kind in OWN_KINDS


class Judged(NamedTuple):
    """One signed case."""

    id: UUID
    patient: str
    site: str
    age: int
    skin: str  # a code of Fitzpatrick; empty where it was not recorded
    label: labels.CaseLabel | None
    ai: AiOpinion | None
    # What each reader signed first; later corrections know more than the photo showed.
    opinions: tuple[Opinion, ...]
    # What its report concluded when the biopsy's result came; None where none did. What is signed later knows it.
    concluded: Opinion | None

    @property
    def independent(self) -> list[Opinion]:
        """The readers' own, which are what a reader is measured on."""
        return [opinion for opinion in self.opinions if opinion.is_independent]


class Timed(NamedTuple):
    """One signed case and how long it took."""

    id: UUID
    urgency: int
    week: date  # the Monday of the clinic's week in which it was signed
    took: timedelta
    in_time: bool  # by the clinic's target (`targets.kept`)

    @property
    def hours(self) -> float:
        """From first sent to signed, the days included in which staff took new photos: so long the patient waited."""
        return max(0.0, self.took.total_seconds() / 3600)


def timed(signed: QuerySet[Case], clinic: Clinic) -> list[Timed]:
    """The newest of `clinic`'s `signed` cases of which it is known how long they took; one query."""
    found = signed.filter(first_waiting_since__isnull=False).order_by("-signed_at", "-id")
    week = TruncWeek("signed_at", tzinfo=ZoneInfo(clinic.time_zone), output_field=DateField())
    in_time = Choice(When(targets.kept(clinic), then=True), default=False)
    columns = ("id", "urgency", week, F("signed_at") - F("first_waiting_since"), in_time)
    return [Timed(*row) for row in found.values_list(*columns)[:MOST_CASES]]


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
    "outcome__condition",
)
# Of a read: whether its reader knew what the biopsy found. Asked of the database: reading 20,000 moments takes longer.
_KNEW_RESULT = Exists(OutcomeVersion.objects.filter(case=OuterRef("case"), recorded_at__lte=OuterRef("signed_at")))


def said_since(logged: datetime) -> datetime:
    """A moment before which there was nothing of cases logged from then on: no photo, no opinion, no read.

    So the database looks at what came since, by an index, and not at all there ever was. The margin is for servers
    whose clocks differ, and for days that begin at other hours elsewhere.
    """
    return logged - timedelta(days=2)


def gather(signed: QuerySet[Case], reader: User | None, kinds: labels.Kinds) -> Evidence:
    """The newest of `signed` cases, or of those among them that `reader` has read; three queries.

    With `reader`, only that reader's opinions are looked at. Of a signed case nothing is hidden from whom it is shown
    to. Columns are read and no records: of ten thousand cases, making the records took longer than all else.
    """
    newest = read_by(reader, signed).order_by("-signed_at", "-id")
    logged_on, signed_on = TruncDate("created_at"), TruncDate("signed_at")
    rows = list(newest.values_list(*_COLUMNS, logged_on, signed_on)[: MOST_CASES + 1])
    is_cut, rows = len(rows) > MOST_CASES, rows[:MOST_CASES]
    if not rows:
        return Evidence((), False)
    since = said_since(_start(min(row[-2] for row in rows)))
    wanted = read_by(reader, signed.filter(signed_at__gte=said_since(_start(rows[-1][-1]))), since=since)
    biopsies = {row[0]: row[6] for row in rows if row[6]}
    said, opinions, concluded = _reads(Read.objects.filter(case__in=wanted, signed_at__gte=since), reader, biopsies)
    truth = labels.of_reads(said, biopsies, kinds)
    ai = _ai_opinions(Prediction.objects.filter(image__case__in=wanted, finished_at__gte=since))
    return Evidence(
        tuple(
            Judged(
                id=case_id,
                patient=str(patient_id),
                site=site,
                age=completed_years(born, logged_on),
                skin=skin,
                label=truth.get(case_id),
                ai=ai.get(case_id) if consent == Consent.GRANTED else None,
                opinions=tuple(opinions[case_id].values()) if case_id in opinions else (),
                concluded=concluded.get(case_id),
            )
            for case_id, patient_id, site, born, skin, consent, _biopsy, logged_on, _signed_on in rows
        ),
        is_cut,
    )


def read_by(
    reader: User | None, found: QuerySet[Any], case: str = "pk", since: datetime | None = None
) -> QuerySet[Any]:
    """What `reader` has read (since then) of cases, or of what leads to its case by `case`; all without a reader."""
    if reader is None:
        return found
    own = Read.objects.filter(case=OuterRef(case), reader=reader)
    return found.filter(Exists(own.filter(signed_at__gte=since) if since else own))


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _reads(
    reads: QuerySet[Read], reader: User | None, biopsies: Container[UUID]
) -> tuple[dict[UUID, list[labels.Said]], dict[UUID, dict[UUID, Opinion]], dict[UUID, Opinion]]:
    """(all that was said of each case, the first opinion of each reader or of `reader` alone, what the report of each
    case among `biopsies` concluded before the result).
    """
    columns = ("case_id", *labels.SAID, "reader__name", "condition__malignant", "management", "ai_visible")
    all_said: dict[UUID, list[labels.Said]] = defaultdict(list)
    opinions: dict[UUID, dict[UUID, Opinion]] = defaultdict(dict)
    before: dict[UUID, list[Opinion]] = defaultdict(list)
    for row in reads.order_by("signed_at", "id").values_list(*columns, _KNEW_RESULT):
        case_id, said, (name, malignant, management, ai_visible, knew_result) = row[0], labels.Said(*row[1:6]), row[6:]
        all_said[case_id].append(said)
        opinion = Opinion(
            said.reader_id, name, said.kind, said.condition_id, malignant, management, ai_visible, said.blind_code
        )
        if reader is None or said.reader_id == reader.id:
            opinions[case_id].setdefault(said.reader_id, opinion)
        if case_id in biopsies and not knew_result:
            before[case_id].append(opinion)
    return all_said, opinions, {case_id: labels.decisive(found) for case_id, found in before.items()}


def _ai_opinions(predictions: QuerySet[Prediction]) -> dict[UUID, AiOpinion]:
    done = predictions.filter(state=PredictionState.DONE, image__removed_at__isnull=True)
    rows = done.order_by("image__created_at", "image_id", "queued_at", "id").values_list(
        "image__case_id", "image_id", first_code(), first_share(), "malignant_probability", "urgent"
    )
    newest: dict[UUID, dict[UUID, AiOpinion]] = defaultdict(dict)
    for case_id, image_id, code, share, malignant, urgent in rows:
        newest[case_id][image_id] = AiOpinion(code, float(share), malignant or 0.0, urgent)
    return {case_id: _shown(list(of_case.values())) for case_id, of_case in newest.items()}


def _shown(photos: list[AiOpinion]) -> AiOpinion:
    flagged = [said for said in photos if said.urgent]
    return max(flagged, key=lambda said: said.malignant_probability) if flagged else photos[0]


class Asked(NamedTuple):
    """One photo that the active model was asked about."""

    case_id: UUID
    code: str
    novelty: float | None
    strange: bool
    site: str
    age: int
    week: date  # the Monday of the clinic's week in which its case was logged


def photos_asked(predictions: QuerySet[Prediction], zone: ZoneInfo, most: int = MOST_PHOTOS) -> list[Asked]:
    """The newest photos among `predictions` that the active model has judged; one query."""
    done = predictions.filter(state=PredictionState.DONE, model_version__state=ModelState.ACTIVE)
    logged_at = "image__case__created_at"
    rows = done.order_by("-image__created_at", "-id").values_list(
        "image__case_id",
        first_code(),
        "novelty",
        "strange",
        "image__case__lesion__body_site",
        "image__case__lesion__patient__birth_date",
        TruncDate(logged_at),
        TruncWeek(logged_at, tzinfo=zone, output_field=DateField()),
    )
    return [
        Asked(case_id, code, novelty, strange, site, completed_years(born, logged_on), week)
        for case_id, code, novelty, strange, site, born, logged_on, week in rows[:most]
    ]
