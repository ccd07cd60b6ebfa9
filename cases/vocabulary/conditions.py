"""The vocabulary of conditions: what the database knows of it, and the shipped one that it begins with."""

from dataclasses import dataclass

from cases.models import Condition, Urgency
from cases.vocabulary import vocabulary


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


# What nine of ten lesion cases end with, each at its own number key. Fixed: the fingers learn where each is.
QUICK_CODES = ("NEV", "SEK", "ACK", "BCC", "SCC", "MEL", "ATN", "BOD", "DFB")


@dataclass(frozen=True)
class Known:
    """All conditions as one query found them, by name: a page asks once and hands them to whatever needs them."""

    conditions: tuple[Condition, ...]

    @property
    def names(self) -> dict[str, str]:
        """Code to name, of those too that are not offered any more: old opinions name them."""
        return {condition.code: condition.name for condition in self.conditions}

    @property
    def offered(self) -> list[Condition]:
        return [condition for condition in self.conditions if condition.is_offered]

    @property
    def quick_picks(self) -> list[tuple[str, Condition]]:
        """The conditions of the number keys as (key, condition), without those that are not offered."""
        offered = {condition.code: condition for condition in self.offered}
        return [(str(key), offered[code]) for key, code in enumerate(QUICK_CODES, 1) if code in offered]


def known() -> Known:
    return Known(tuple(Condition.objects.order_by("name")))
