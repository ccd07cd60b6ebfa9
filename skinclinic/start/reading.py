"""Doctors: the next case, what is urgent, what they have begun, second reads, practice, and their day so far."""

import zoneinfo

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Clinic, User
from cases.figures.scope import Scope
from cases.models import Case, CaseState, Read, ReadStage, Urgency
from cases.reading import drafts, next_case, practice
from cases.worklist import targets
from skinclinic.start.card import Card, Fact, Link, Part, about, capped

MOST_LINKS = 4


def counted(person: User, clinic: Clinic) -> dict[str, QuerySet]:
    signed = _today(person, clinic).signed()
    return {
        "practice": practice.to_read(person, clinic),
        "signed_today": signed,
        "in_time_today": signed.filter(targets.kept(clinic)),
    }


def part(person: User, clinic: Clinic, found: dict[str, int]) -> Part:
    """Four queries at most."""
    counts = next_case.readable_counts(person, clinic)
    cards = [
        card
        for card in (
            _next(person, clinic, counts),
            _arbitrations(counts),
            _unfinished(person, clinic),
            _second_reads(counts),
            _practice(found["practice"]),
        )
        if card
    ]
    return Part(
        key="reading",
        title=_("Reading"),
        cards=cards,
        rest=_("Nobody waits for you. What staff send to a doctor appears here and in the worklist."),
        facts=_day(person, clinic, found),
    )


def _next(person: User, clinic: Clinic, counts: dict[tuple[ReadStage, Urgency], int]) -> Card | None:
    readable = sum(counts.values())
    if not readable:
        return None
    found = next_case.readable_cases(person, clinic).select_related("clinic", "lesion__patient").first()
    if found is None:
        return None  # somebody took the last one between the two questions
    left = targets.time_left(found)
    urgent = sum(number for (_stage, tier), number in counts.items() if tier == Urgency.URGENT)
    said = [f"{found.get_urgency_display()}: {about(found)}", str(left)]
    return Card(
        key="next",
        icon="stethoscope",
        number=capped(readable),
        title=ngettext("case for you to read", "cases for you to read", readable),
        text=", ".join(said) + ".",
        url=reverse("worklist_next"),
        action=_("Read the next case"),
        tone="urgent" if found.urgency == Urgency.URGENT or (left and left.is_over) else _near(left),
        links=_urgent_links(urgent),
        shortcut="n",
    )


def _near(left: targets.TimeLeft | None) -> str:
    return "soon" if left and left.is_near else ""


def _urgent_links(urgent: int) -> tuple[Link, ...]:
    if not urgent:
        return ()
    words = ngettext("%(number)s of them is urgent", "%(number)s of them are urgent", urgent)
    address = f"{reverse('worklist')}?tab={CaseState.WAITING}&urgency={Urgency.URGENT.value}&mine=1"
    return (Link(words % {"number": capped(urgent)}, address),)


def _of_stage(counts: dict[tuple[ReadStage, Urgency], int], stage: ReadStage) -> int:
    return sum(number for (waits_for, _tier), number in counts.items() if waits_for == stage)


def _stage_address(stage: ReadStage) -> str:
    return f"{reverse('worklist')}?tab={CaseState.WAITING}&stage={stage.value}&mine=1"


def _arbitrations(counts: dict[tuple[ReadStage, Urgency], int]) -> Card | None:
    """Only leads are given any (`next_case.readable_cases`)."""
    number = _of_stage(counts, ReadStage.ARBITRATION)
    if not number:
        return None
    return Card(
        key="arbitrations",
        icon="scale",
        number=capped(number),
        title=ngettext("case to settle", "cases to settle", number),
        text=_("Two readers disagree. You see both reads without names, and say what holds."),
        url=_stage_address(ReadStage.ARBITRATION),
        action=_("Settle them"),
        tone="soon",
    )


def _unfinished(person: User, clinic: Clinic) -> Card | None:
    begun = list(drafts.unfinished(person, clinic)[: MOST_LINKS + 1])
    if not begun:
        return None
    links = tuple(Link(about(each.case), _case_address(each.case)) for each in begun[:MOST_LINKS])
    number = str(len(begun)) if len(begun) <= MOST_LINKS else f"{MOST_LINKS}+"
    return Card(
        key="unfinished",
        icon="pencil",
        number=number,
        title=ngettext("read you have begun", "reads you have begun", len(begun)),
        text=_("What you entered is kept; nothing of it is signed."),
        url=links[0].url,
        action=_("Go on with the last one"),
        links=links,
    )


def _case_address(case: Case) -> str:
    return reverse("case_detail", args=[case.id])


def _second_reads(counts: dict[tuple[ReadStage, Urgency], int]) -> Card | None:
    number = _of_stage(counts, ReadStage.SECOND)
    if not number:
        return None
    return Card(
        key="second-reads",
        icon="eye-off",
        number=capped(number),
        title=ngettext("second read", "second reads", number),
        text=_("The first read stays hidden until yours is signed."),
        url=_stage_address(ReadStage.SECOND),
        action=_("Show the cases"),
    )


def _practice(number: int) -> Card | None:
    if not number:
        return None
    return Card(
        key="practice",
        icon="clipboard-check",
        number=capped(number),
        title=ngettext("practice case", "practice cases", number),
        text=_("Known answers, at times with a wrong AI. Nobody but you sees how you did."),
        url=reverse("practice"),
        action=_("Practise"),
    )


def _today(person: User, clinic: Clinic) -> Scope:
    """The cases that the reader has read, of today: the figures that the day's facts lead to."""
    today = timezone.localdate(timezone=zoneinfo.ZoneInfo(clinic.time_zone))
    return Scope(person, clinic, person, today, today)


def _day(person: User, clinic: Clinic, found: dict[str, int]) -> list[Fact]:
    """The reader's own reads of today, and of the cases signed today that they have read those in time."""
    today = _today(person, clinic)
    own = list(today.reads().select_related("first_opinion"))
    flow, agreement = (f"{reverse('figures')}?show={part}&{today.query}" for part in ("flow", "agreement"))
    return [
        Fact(_("Read today"), str(len(own)), flow),
        Fact(_("Signed within the target"), _of(found["in_time_today"], found["signed_today"]), flow),
        Fact(_("Changed after seeing the AI"), str(sum(_changed(read) for read in own)), agreement),
    ]


def _changed(read: Read) -> bool:
    first = read.first_opinion
    return first is not None and first.condition_id != read.condition_id


def _of(hits: int, n: int) -> str:
    return _("%(hits)s of %(n)s") % {"hits": capped(hits), "n": capped(n)} if n else "–"
