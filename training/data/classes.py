"""Which condition a class folder means, and whether it is malignant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cases.vocabulary import ConditionSpec, vocabulary
from inference.bundle import BundleClass
from training.data.datasets import DataError


def code_of(folder: str, known: Mapping[str, ConditionSpec] | None = None) -> str:
    """The condition's code if a folder is named by its code, name or synonym, in any case; else the folder's name."""
    known = vocabulary() if known is None else known
    plain = _plain(folder)
    for code, condition in known.items():
        if plain in {_plain(name) for name in (code, condition.name, *condition.synonyms)}:
            return code
    return folder


def describe(
    codes: Iterable[str], malignant: Iterable[str] = (), known: Mapping[str, ConditionSpec] | None = None
) -> tuple[tuple[BundleClass, ...], list[str]]:
    """The classes of a bundle, and the codes of which nothing says whether they are malignant: taken as benign.

    `malignant` names further codes as malignant.  Raises DataError if it names one that is not among `codes`, or
    one that the vocabulary holds to be benign: the vocabulary is where that would have to be changed.
    """
    known = vocabulary() if known is None else known
    codes, malignant = list(codes), {code_of(name, known) for name in malignant}
    for code in sorted(malignant):
        if code not in codes:
            raise DataError(f"--malignant names {code}, which is not a class of the data set.")
        if code in known and known[code].malignant is False:
            raise DataError(f"--malignant names {code}, which the condition vocabulary holds to be benign.")
    classes = tuple(
        BundleClass(code, known[code].name, known[code].icd10, bool(known[code].malignant) or code in malignant)
        if code in known
        else BundleClass(code, code.replace("_", " "), "", code in malignant)
        for code in codes
    )
    unsaid = [code for code in codes if code not in known or known[code].malignant is None]
    return classes, [code for code in unsaid if code not in malignant]


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())
