"""The report of a signed case: what it says, in words that are ready to be shown.

One `Report` feeds the page and the PDF, so that they cannot differ; neither adds a word of its own about the case.
Times are in the clinic's zone, ages as of the visit: the same record makes the same report on any day.
"""

import hashlib
import json
import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from cases.errors import Refused
from cases.models import Case, CaseState, LesionImage, OutcomeVersion, Read, RecordCorrection
from cases.models.case import question_in_words
from cases.models.report_delivery import report_number
from cases.prediction import opinions
from cases.reading import labels, reads

MOST_PHOTOS = 6
# What makes a version of the report: a read, what the biopsy found, or other words about the patient or the lesion.
Event = Read | OutcomeVersion | RecordCorrection


@dataclass(frozen=True)
class Fact:
    label: str
    text: str


@dataclass(frozen=True)
class Passage:
    """A heading with facts, and sentences below them."""

    title: str
    facts: tuple[Fact, ...] = ()
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Photo:
    image: LesionImage
    caption: str


@dataclass(frozen=True)
class Amendment:
    """What was signed, recorded or corrected after the case was signed: `version` is that of the report it made."""

    version: int
    text: str


@dataclass(frozen=True)
class Report:
    case: Case
    version: int
    newest_version: int
    signed_at: datetime  # or recorded: of what made this version
    clinic: str
    title: str
    notice: str  # that another version has taken its place, or that it takes another's; empty for a first one
    patient: tuple[Fact, ...]
    conclusion: Passage
    outcome: Passage | None
    photos: tuple[Photo, ...]
    photos_left_out: str
    answers: Passage
    opinion: Passage
    amendments: tuple[Amendment, ...]

    @property
    def is_current(self) -> bool:
        return self.version == self.newest_version

    @property
    def passages(self) -> tuple[Passage, ...]:
        """What stands below the photos."""
        return (self.opinion, self.answers)

    @property
    def words(self) -> list[str]:
        """Everything that it says about the case, in its order."""
        found = [self.clinic, self.title]
        for fact in self.patient:
            found += [fact.label, fact.text]
        for passage in (self.conclusion, self.outcome, *self.passages):
            if passage:
                found.append(passage.title)
                for fact in passage.facts:
                    found += [fact.label, fact.text]
                found += passage.sentences
        found += [photo.caption for photo in self.photos]
        return [*found, self.photos_left_out, *(each.text for each in self.amendments)]

    @property
    def digest(self) -> str:
        """Two reports with the same one say and show the same: SHA-256 over words and photos, 64 hex digits.

        Not over `notice`: a printed report keeps its id when another version takes its place.
        """
        photos = [photo.image.sha256 for photo in self.photos]
        return hashlib.sha256(json.dumps([self.version, self.words, photos]).encode()).hexdigest()

    @property
    def number(self) -> str:
        return report_number(self.digest)

    @property
    def identity(self) -> str:
        """The line at the foot of every page."""
        return _("%(case)s, version %(version)s, report %(number)s") % {
            "case": self.case.reference,
            "version": self.version,
            "number": self.number,
        }

    @property
    def file_name(self) -> str:
        """Without the patient's name: file names end up in lists of downloads and in mails."""
        return f"report-{self.case.number}-{self.version}-{self.digest[:8]}.pdf"


def with_content(cases: QuerySet[Case]) -> QuerySet[Case]:
    """`cases` with all that `of` needs."""
    found = opinions.with_photos(cases).select_related("clinic", "lesion__patient")
    # Few are, and a page then asks a query less.
    return found.annotate(is_corrected=Exists(corrections()))


def of(case: Case, version: int | None = None) -> Report:
    """The report of `case` (from cases/access.py by `with_content`); `version` counts from 1, the newest is
    the one that stands.

    Raises:
        Refused: the case is not signed ("wrong_state"), or there is no such version ("no_version").
    """
    if case.state != CaseState.SIGNED:
        raise Refused(
            _("This case is not signed, so there is no report yet. It is made as soon as a doctor has signed."),
            code="wrong_state",
        )
    history = _history(case)
    ends = _versions(case, history)
    wanted = version or len(ends)
    if not 1 <= wanted <= len(ends):
        raise Refused(_("There is no such version of this report."), code="no_version")
    with timezone.override(zoneinfo.ZoneInfo(case.clinic.time_zone)):
        return _written(case, history, ends, wanted)


def _history(case: Case) -> list[Event]:
    """What the report is made of, in its order; two queries, and one where something was corrected."""
    found = OutcomeVersion.objects.filter(case=case).select_related("condition", "recorded_by")
    corrected: Iterable[RecordCorrection] = ()
    if case.is_corrected:  # type: ignore[attr-defined]  # set by with_content
        ours = _corrected_since(case.signed_at, case.lesion_id, case.lesion.patient_id)
        corrected = RecordCorrection.objects.filter(ours).select_related("by")
    return sorted([*reads.history(case), *found, *corrected], key=lambda event: (_when(event), event.pk))


def corrections() -> QuerySet[RecordCorrection]:
    """What was corrected of what its report says since the case of the outer query was signed; the newest first."""
    ours = _corrected_since(OuterRef("signed_at"), OuterRef("lesion"), OuterRef("lesion__patient"))
    return RecordCorrection.objects.filter(ours).order_by("-at", "-id")


def _corrected_since(signed_at: object, lesion: object, patient: object) -> Q:
    return Q(Q(lesion=None) | Q(lesion=lesion), patient=patient, at__gt=signed_at)


def _when(event: Event) -> datetime:
    if isinstance(event, Read):
        return event.signed_at
    return event.recorded_at if isinstance(event, OutcomeVersion) else event.at


def _whose(event: Event) -> User:
    if isinstance(event, Read):
        return event.reader
    return event.recorded_by if isinstance(event, OutcomeVersion) else event.by


def _versions(case: Case, history: Sequence[Event]) -> list[int]:
    """How much of `history` each version knows: all up to signing, then one more each."""
    assert case.signed_at
    first = max(1, sum(_when(event) <= case.signed_at for event in history))
    return list(range(first, len(history) + 1))


def _written(case: Case, history: list[Event], ends: list[int], version: int) -> Report:
    known = history[: ends[version - 1]]
    concluded = labels.decisive([event for event in known if isinstance(event, Read)])
    outcomes = [event for event in known if isinstance(event, OutcomeVersion)]
    patient, lesion = case.lesion.patient, case.lesion
    photos: list[LesionImage] = case.photos  # type: ignore[attr-defined]  # set by with_content
    return Report(
        case=case,
        version=version,
        newest_version=len(ends),
        signed_at=_when(known[-1]),
        clinic=case.clinic.name,
        title=_("Report of a skin lesion"),
        notice=_notice(case, history, ends, version),
        patient=_facts(
            (_("Patient"), str(patient)),
            (_("Born"), _born(patient.birth_date, patient.age_on(timezone.localdate(case.created_at)))),
            (_("Sex"), patient.get_sex_display()),
            (_("MRN"), patient.mrn),
            (_("Lesion"), f"{lesion.place}, {lesion.note}" if lesion.note else lesion.place),
            (_("Case"), f"{case.number}, {_moment(case.created_at)}"),
        ),
        conclusion=_conclusion(concluded),
        outcome=_outcome(outcomes[-1] if outcomes else None, concluded),
        photos=tuple(_photo(number, image) for number, image in enumerate(photos[:MOST_PHOTOS], 1)),
        photos_left_out=_left_out(len(photos) - MOST_PHOTOS),
        answers=_answers(case),
        opinion=_opinion(case, concluded),
        amendments=tuple(_amendment(number, history[:end]) for number, end in enumerate(ends[1:version], 2)),
    )


def _facts(*pairs: tuple[str, object]) -> tuple[Fact, ...]:
    return tuple(Fact(label, str(text)) for label, text in pairs if str(text))


def _conclusion(read: Read) -> Passage:
    condition = read.condition
    name = f"{condition.name} ({condition.icd10})" if condition.icd10 else condition.name
    return Passage(
        _("Conclusion"),
        _facts(
            (_("Condition"), f"{name}, {read.get_certainty_display().lower()}"),
            (_("Management"), read.get_management_display()),
            (_("Comment"), read.comment),
            (_("Signed"), f"{read.reader}, {_moment(read.signed_at)}"),
        ),
    )


def _outcome(outcome: OutcomeVersion | None, read: Read) -> Passage | None:
    if outcome is None:
        return None
    agrees = outcome.condition_id == read.condition_id
    return Passage(
        _("Biopsy"),
        _facts(
            (_("Found"), f"{outcome.condition.name} ({outcome.condition.icd10})".replace(" ()", "")),
            (_("Reported"), date_format(outcome.reported_on, "j M Y")),
            (_("Pathology number"), outcome.pathology_reference),
            (_("Comment"), outcome.comment),
        ),
        () if agrees else (_("The biopsy found something else than the doctor concluded. The biopsy counts."),),
    )


def _answers(case: Case) -> Passage:
    answers = [
        (question_in_words(name).capitalize(), answer)
        for name, (_q, answer) in zip(Case.QUESTIONS, case.answers, strict=True)
    ]
    note = (_("Note"), case.note.strip())
    skin = (_("Skin type"), case.lesion.patient.get_fitzpatrick_display())
    return Passage(_("Answers"), _facts(*answers, skin, note))


def _opinion(case: Case, read: Read) -> Passage:
    """What the AI said: the opinion that the doctor saw, else the one that is in the record by now."""
    title = _("Second opinion of the AI")
    if not case.lesion.patient.allows_ai:
        return Passage(title, sentences=(_("None: the patient does not consent to the use of AI."),))
    photo = _judged(case, read)
    if photo is None or not photo.is_done or photo.prediction is None:
        return Passage(title, sentences=(_("None."),))
    prediction = photo.prediction
    seen = _("The doctor saw it before signing.") if read.ai_visible else _("The doctor signed without having seen it.")
    remarks = [
        (photo.is_strange, _("The photo does not look like one of a lesion to the model.")),
        (photo.is_uncertain, _("The model does not lean clearly to one condition.")),
        (photo.is_urgent, _("The model flagged it as urgent.")),
    ]
    version = prediction.model_version
    assert prediction.finished_at
    return Passage(
        title,
        _facts(
            (_("Most likely"), "; ".join(f"{each.name} {each.percent}" for each in photo.likely)),
            (_("Malignancy"), photo.malignant_percent),
            (_("Photo"), photo.position),
            (_("Model"), f"{version.name} ({version.sha256[:8]}), {_moment(prediction.finished_at)}"),
        ),
        (*(words for holds, words in remarks if holds), seen, _("Supports a decision. Not a diagnosis.")),
    )


def _judged(case: Case, read: Read) -> opinions.PhotoOpinion | None:
    names = opinions.condition_names()
    card = opinions.card(case, names, read.prediction.image_id if read.prediction else None)
    chosen = card.chosen
    if chosen and read.prediction and chosen.image.id == read.prediction.image_id:
        # Not a newer model's opinion on the same photo.
        return opinions.of_prediction(chosen.image, chosen.position, read.prediction, names)
    return chosen


def _photo(number: int, image: LesionImage) -> Photo:
    taken = {"number": number, "kind": image.get_kind_display(), "moment": _moment(image.created_at)}
    return Photo(image, _("Photo %(number)s: %(kind)s, %(moment)s") % taken)


def _left_out(number: int) -> str:
    if number <= 0:
        return ""
    words = ngettext("%(number)s more photo is in the record.", "%(number)s more photos are in the record.", number)
    return words % {"number": number}


def _amendment(version: int, known: Sequence[Event]) -> Amendment:
    """What the last of `known` has changed."""
    *earlier, event = known
    if isinstance(event, Read):
        return Amendment(version, _said(event))
    if isinstance(event, RecordCorrection):
        return Amendment(version, _corrected(event))
    before = [each for each in earlier if isinstance(each, OutcomeVersion)]
    return Amendment(version, _found(event, before[-1] if before else None))


def _found(outcome: OutcomeVersion, before: OutcomeVersion | None) -> str:
    found = {
        "moment": _moment(outcome.recorded_at),
        "who": outcome.recorded_by,
        "condition": outcome.condition,
        "day": date_format(outcome.reported_on, "j M Y"),
    }
    if before is None:
        return _("Biopsy, %(moment)s, %(who)s: %(condition)s, reported %(day)s.") % found
    words = _("Biopsy corrected, %(moment)s, %(who)s: %(condition)s, reported %(day)s. Before: %(before)s.")
    return words % {**found, "before": before.condition}


def _corrected(correction: RecordCorrection) -> str:
    """Without what was there before: a wrong name may be another patient's."""
    words = _("Corrected, %(moment)s, %(who)s: %(what)s.")
    return words % {"moment": _moment(correction.at), "who": correction.by, "what": correction.get_what_display()}


def _said(read: Read) -> str:
    before = ""
    if read.corrects:
        before = _(" Before: %(condition)s.") % {"condition": read.corrects.condition}
    said = _("%(moment)s, %(reader)s: %(condition)s, %(certainty)s. %(management)s.") % {
        "moment": _moment(read.signed_at),
        "reader": read.reader,
        "condition": read.condition,
        "certainty": read.get_certainty_display().lower(),
        "management": read.get_management_display(),
    }
    comment = f" {read.comment}" if read.comment else ""
    return f"{read.get_kind_display()}, {said}{before}{comment}"


def _notice(case: Case, history: Sequence[Event], ends: Sequence[int], version: int) -> str:
    """Whether this version stands, where there are several."""
    newest = len(ends)
    if newest == 1:
        return ""
    if version == newest:
        words = _("Amended: version %(version)s replaces what was reported before.") % {"version": version}
        if case.questioned_at is None:
            return words
        doubt = _("In question since %(moment)s: another doctor is to confirm or settle what was signed last.")
        return f"{words} {doubt % {'moment': _moment(case.questioned_at)}}"
    amended = history[ends[version] - 1]
    return _("Superseded: this is version %(version)s of %(newest)s. It was amended %(moment)s by %(reader)s.") % {
        "version": version,
        "newest": newest,
        "moment": _moment(_when(amended)),
        "reader": _whose(amended),
    }


def _born(day: date, age: int) -> str:
    years = ngettext("%(age)s year old", "%(age)s years old", age) % {"age": age}
    return f"{date_format(day, 'j M Y')}, {years}"


def _moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "j M Y, H:i T")
