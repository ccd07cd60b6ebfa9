"""The coded vocabulary of conditions, read from a file and kept in the database."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cases.models import Condition, Urgency

_FILE = Path(__file__).parent / "vocabulary" / "conditions.json"


@dataclass(frozen=True)
class ConditionSpec:
    """One condition as the vocabulary file has it."""

    code: str
    name: str
    icd10: str
    malignant: bool | None  # None: the code alone does not say ("other")
    urgency: str  # "urgent", "soon" or "routine"
    synonyms: tuple[str, ...]


@cache
def vocabulary() -> dict[str, ConditionSpec]:
    """The shipped vocabulary by code; needs no database."""
    rows = json.loads(_FILE.read_text(encoding="utf-8"))["conditions"]
    return {row["code"]: ConditionSpec(**{**row, "synonyms": tuple(row["synonyms"])}) for row in rows}


def load_vocabulary() -> int:
    """Adds the shipped conditions that the database lacks and returns their number.

    What a clinic's admin has edited since is left alone.
    """
    fresh = [
        Condition(
            code=spec.code,
            name=spec.name,
            icd10=spec.icd10,
            malignant=spec.malignant,
            urgency=Urgency[spec.urgency.upper()],
            synonyms=list(spec.synonyms),
        )
        for spec in vocabulary().values()
    ]
    before = Condition.objects.count()
    Condition.objects.bulk_create(fresh, ignore_conflicts=True)
    return Condition.objects.count() - before
