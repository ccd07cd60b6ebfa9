"""The shipped vocabulary of conditions, as its file has it. This module needs neither database nor Django."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent / "conditions.json"


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
