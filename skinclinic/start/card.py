"""What the start page is made of."""

from dataclasses import dataclass, field

from cases.models import Case
from cases.worklist import counts


@dataclass(frozen=True)
class Link:
    """One record behind a card."""

    words: str
    url: str


@dataclass(frozen=True)
class Card:
    """One thing to do next."""

    key: str
    icon: str
    title: str  # after the number, where there is one: then in small letters
    url: str
    action: str
    number: str = ""  # how many there are of it
    text: str = ""
    tone: str = ""  # "urgent", "soon", or nothing
    links: tuple[Link, ...] = ()
    shortcut: str = ""  # a key that opens it


@dataclass(frozen=True)
class Fact:
    """A figure of today."""

    label: str
    value: str
    url: str = ""
    is_bad: bool = False


@dataclass(frozen=True)
class Part:
    """One role's part of the page; `rest` is the sentence for when it has no card."""

    key: str
    title: str
    cards: list[Card]
    rest: str
    facts: list[Fact] = field(default_factory=list)


def capped(number: int) -> str:
    return counts.capped(number)


def about(case: Case) -> str:
    """A case in one line; needs its lesion and patient."""
    return f"{case.lesion.patient}, {case.lesion.place}"
