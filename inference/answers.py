"""What was told about a lesion beside the photo, and how a network reads it.

Unknown is neutral: it adds nothing to any class, and no feature says that a value is missing.  In clinic records the
gaps follow the diagnosis (a biopsied cancer has a full form), so a model that saw them would score far too well on
such records and fail at the bedside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

QUESTIONS = ("itch", "grew", "hurt", "changed", "bled", "raised")
YES = frozenset({"yes", "y", "true", "1"})
NO = frozenset({"no", "n", "false", "0"})
UNKNOWN = frozenset({"unknown", "unk", ""})
OLDEST = 120
# Beyond this many standard deviations an age says no more than at the limit: the data hold hardly anyone there.
AGE_LIMIT = 2.5


@dataclass(frozen=True)
class Answers:
    """The clinical answers; None is unknown."""

    age: int | None = None
    site: str | None = None
    itch: bool | None = None
    grew: bool | None = None
    hurt: bool | None = None
    changed: bool | None = None
    bled: bool | None = None
    raised: bool | None = None

    @classmethod
    def from_text(cls, texts: Mapping[str, str | None]) -> Answers:
        """From strings as a command line or a metadata file holds them; names that are not answers are ignored.

        Raises ValueError with one sentence for a value that is neither an answer nor unknown.
        """
        known: dict[str, Any] = {}
        for name in (field.name for field in fields(cls)):
            text = (texts.get(name) or "").strip().lower()
            if text in UNKNOWN:
                continue
            if name == "age":
                known[name] = _age(text)
            elif name == "site":
                known[name] = site_code(text)
            else:
                known[name] = _yes_or_no(name, text)
        return cls(**known)


UNANSWERED = Answers()


def site_code(text: str) -> str:
    """A body site as the record writes it: lower case, words joined by underscores."""
    return "_".join(text.strip().lower().replace("-", " ").replace("_", " ").split())


def _age(text: str) -> int:
    try:
        age = float(text)
    except ValueError:
        age = -1.0
    if not 0 <= age <= OLDEST:
        raise ValueError(f"Age must be a number from 0 to {OLDEST} or unknown, not “{text}”.")
    return int(age)


def _yes_or_no(name: str, text: str) -> bool:
    if text in YES:
        return True
    if text in NO:
        return False
    raise ValueError(f"“{name}” must be yes, no or unknown, not “{text}”.")


@dataclass(frozen=True)
class AnswerEncoding:
    """How a bundle turns answers into numbers: every feature is centred on its mean in the training data.

    Layout: age (standardised), age squared (centred), one feature per site, one per question.  A known value is
    its distance from the mean; an unknown one is 0, so with a linear term it counts as the average patient.
    """

    age_mean: float
    age_scale: float
    sites: tuple[tuple[str, float], ...]  # code, share of the training photos
    questions: tuple[tuple[str, float], ...]  # name, share of yes among the known

    @property
    def width(self) -> int:
        return 2 + len(self.sites) + len(self.questions)

    def encode(self, answers: Answers) -> np.ndarray:
        """float32 [width]."""
        features = np.zeros(self.width, np.float32)
        if answers.age is not None:
            z = float(np.clip((answers.age - self.age_mean) / self.age_scale, -AGE_LIMIT, AGE_LIMIT))
            features[0:2] = z, z * z - 1.0
        codes = [code for code, _share in self.sites]
        if answers.site is not None and site_code(answers.site) in codes:
            features[2 : 2 + len(codes)] = [-share for _code, share in self.sites]
            features[2 + codes.index(site_code(answers.site))] += 1.0
        for position, (name, share) in enumerate(self.questions, 2 + len(codes)):
            answer = getattr(answers, name)
            if answer is not None:
                features[position] = float(answer) - share
        return features

    @property
    def groups(self) -> tuple[slice, ...]:
        """The features of each answer, so that training can hide one answer at a time."""
        sites = slice(2, 2 + len(self.sites))
        return slice(0, 2), sites, *(slice(i, i + 1) for i in range(sites.stop, self.width))

    def to_spec(self) -> dict[str, Any]:
        return {
            "age": {"mean": self.age_mean, "scale": self.age_scale},
            "sites": dict(self.sites),
            "questions": dict(self.questions),
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> AnswerEncoding:
        unknown = set(spec["questions"]) - set(QUESTIONS)
        if unknown:
            raise ValueError(f"The model asks a question that this version does not know: {sorted(unknown)[0]}.")
        return cls(
            float(spec["age"]["mean"]),
            float(spec["age"]["scale"]),
            tuple((code, float(share)) for code, share in spec["sites"].items()),
            tuple((name, float(share)) for name, share in spec["questions"].items()),
        )

    @classmethod
    def fit(cls, known: list[Answers]) -> AnswerEncoding:
        """The encoding that is centred on these answers; what nobody answered gets a harmless centre."""
        ages = [answers.age for answers in known if answers.age is not None]
        sites = [site_code(answers.site) for answers in known if answers.site]
        questions = []
        for name in QUESTIONS:
            given = [getattr(answers, name) for answers in known if getattr(answers, name) is not None]
            questions.append((name, round(sum(given) / len(given), 6) if given else 0.5))
        return cls(
            round(float(np.mean(ages)), 6) if ages else 50.0,
            round(max(float(np.std(ages)), 1.0), 6) if ages else 20.0,
            tuple((code, round(sites.count(code) / len(sites), 6)) for code in sorted(set(sites))),
            tuple(questions),
        )
