"""Brings the shipped vocabulary into the database."""

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


def quick_picks() -> list[tuple[str, Condition]]:
    """The conditions of the number keys as (key, condition), without those that are not offered."""
    offered = Condition.objects.filter(is_offered=True).in_bulk(QUICK_CODES)
    return [(str(key), offered[code]) for key, code in enumerate(QUICK_CODES, 1) if code in offered]
