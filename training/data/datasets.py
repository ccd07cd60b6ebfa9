"""Data sets in folders: `<split>/<CLASS>/<photo>` or `<CLASS>/<photo>`, with an optional `metadata.csv`.

metadata.csv has a column `file` (the path relative to the data set), perhaps `patient_id`, and answer columns.
Other columns (sex, skin type ...) are never shown to a network; they are kept to report results by group.
"""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from inference.answers import QUESTIONS, UNANSWERED, Answers
from inference.preprocessing import open_upright, shrink

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
ALIASES = {
    "region": "site",
    "bleed": "bled",
    "elevation": "raised",
    "age_approximate": "age",
    "anatom_site_general": "site",
}
# Columns that are no answers.  Any other is refused: a misspelt answer would be unknown for every photo, unnoticed.
NO_ANSWERS = {
    *("file", "split", "patient_id", "lesion_id", "image_id", "class", "diagnostic", "biopsed"),
    *("gender", "sex", "fitspatrick", "fitzpatrick"),
}
HELD_OUT = 0.16  # share of the patients of each class that a data set without splits holds out
METADATA = "metadata.csv"


class DataError(Exception):
    """The data set cannot work; one sentence says why."""


@dataclass(frozen=True)
class Example:
    """One photo: where it is, what it shows, whose it is and what was answered.

    `file` names it in manifests; a photo that is no file of the data set's folder has its own `path`.
    """

    file: str
    label: str
    patient: str
    split: str
    answers: Answers = UNANSWERED
    groups: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None
    sha256: str = ""  # of the picture as it was received; empty: of the file
    look: int | None = None  # the perceptual hash that intake took of it (cases/pixels/likeness.py), where it did


@dataclass(frozen=True)
class DataSet:
    """The photos of a folder.  `notes` are sentences that whoever trains should read."""

    folder: Path
    examples: tuple[Example, ...]
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted({example.label for example in self.examples}))

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(sorted({example.split for example in self.examples}))

    def split(self, name: str) -> DataSet:
        """The photos of one split, or of several: `train,val`; `all` is every photo.

        Raises DataError if there is none of a name.
        """
        if name == "all":
            return self
        names = name.split(",")
        for each in names:
            if each not in self.splits:
                raise DataError(f"The data set has no split “{each}”; it has {', '.join(self.splits)}.")
        return replace(self, examples=tuple(example for example in self.examples if example.split in names))

    def without(self, files: Iterable[str]) -> DataSet:
        dropped = set(files)
        return replace(self, examples=tuple(each for each in self.examples if each.file not in dropped))

    def counts(self) -> list[tuple[str, str, int, int]]:
        """(split, class, photos, patients), in order."""
        photos: dict[tuple[str, str], list[str]] = defaultdict(list)
        for example in self.examples:
            photos[example.split, example.label].append(example.patient)
        return [(*key, len(who), len(set(who))) for key, who in sorted(photos.items())]

    def path(self, example: Example) -> Path:
        return example.path or self.folder / example.file

    def content_hash(self, example: Example) -> str:
        """SHA-256 of the picture."""
        return example.sha256 or _content_hash(self.path(example))

    def photo_hashes(self) -> list[str]:
        """The first 16 hexadecimal digits of each picture's SHA-256: enough to know a photo again, and no more."""
        return [self.content_hash(example)[:16] for example in self.examples]

    def manifest_hash(self) -> str:
        """SHA-256 of which file (by content) has which label, patient and split."""
        digest = hashlib.sha256()
        for example in sorted(self.examples, key=lambda each: each.file):
            content = self.content_hash(example)
            digest.update(
                "\t".join((example.file, content, example.label, example.patient, example.split)).encode() + b"\n"
            )
        return digest.hexdigest()


def load(folder: Path | str, code_of: Callable[[str], str] = str) -> DataSet:
    """The data set in a folder; `code_of` turns a folder's name into a class code.

    Raises DataError for a folder without class folders, an unknown answer value, or metadata without `file`.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"There is no data set in {folder}.")
    # Hidden files are no photos; where the folder itself lies (`../data`) says nothing.
    photos = [
        path
        for path in sorted(each.relative_to(folder) for each in folder.rglob("*"))
        if path.suffix.lower() in PHOTO_SUFFIXES and not any(part.startswith(".") for part in path.parts)
    ]
    depths = {len(photo.parts) for photo in photos}
    if not photos or depths not in ({2}, {3}):
        raise DataError(
            f"{folder} must hold photos as SPLIT/CLASS/photo.jpg or CLASS/photo.jpg, and only in one of the two ways."
        )
    rows = _metadata(folder / METADATA)
    examples, notes = [], []
    unlisted = 0
    for photo in photos:
        row = rows.pop(photo.as_posix(), None)
        unlisted += row is None
        row = row or {}
        try:
            answers = Answers.from_text(row)
        except ValueError as error:
            raise DataError(f"{METADATA}, {photo.as_posix()}: {error}") from None
        patient = row.get("patient_id", "").strip()
        if not patient:
            # Copies of one picture under several names are one patient, or they would leak between splits.
            patient = f"file:{_content_hash(folder / photo)[:16]}"
        examples.append(
            Example(
                file=photo.as_posix(),
                label=code_of(photo.parts[-2]),
                patient=patient,
                split=photo.parts[0] if depths == {3} else "",
                answers=answers,
                groups={key: value for key, value in row.items() if key not in Answers.__annotations__},
            )
        )
    alone = sum(example.patient.startswith("file:") for example in examples)
    if alone:
        notes.append(f"No patient is known for {alone} of {len(examples)} photos: each counts as its own patient.")
    if unlisted and unlisted < len(photos):
        notes.append(f"{METADATA} does not list {unlisted} photos: their answers are unknown.")
    if rows:
        notes.append(f"{METADATA} lists {len(rows)} files that are not there, {sorted(rows)[0]} among them.")
    dataset = DataSet(folder, tuple(examples), tuple(notes))
    return dataset if depths == {3} else _with_splits(dataset)


def check(dataset: DataSet, training_splits: str = "train") -> None:
    """Raises DataError, in one sentence, for a data set that cannot be trained on honestly."""
    if len(dataset.labels) < 2:
        raise DataError(f"There is only one class, {dataset.labels[0]}: a model needs at least two to tell apart.")
    seen: dict[str, str] = {}
    for example in dataset.examples:
        if seen.setdefault(example.patient, example.split) != example.split:
            raise DataError(
                f"The patient of {example.file} is in the splits {seen[example.patient]} and {example.split}: "
                "results would be too good to be true."
            )
    contents: dict[str, Example] = {}
    for example in dataset.examples:
        other = contents.setdefault(dataset.content_hash(example), example)
        if other.split != example.split:
            raise DataError(f"{other.file} and {example.file} are the same picture in two splits.")
    patients: dict[str, set[str]] = {label: set() for label in dataset.labels}
    for example in dataset.split(training_splits).examples:
        patients[example.label].add(example.patient)
    for label, who in patients.items():
        if len(who) < 2:
            raise DataError(
                f"The class {label} has {'one patient' if who else 'no patient'} to train on: at least two are "
                "needed to learn from one and check on another."
            )


def decode(
    dataset: DataSet, size: int, progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[DataSet, np.ndarray, list[str]]:
    """Every photo at the network's size: (the readable photos, uint8 [n, size, size, 3], the broken files).

    Decoded once and shrunk before anything else, so that how sharp a file happens to be says nothing.
    """
    pixels = np.empty((len(dataset.examples), size, size, 3), np.uint8)
    kept, broken = 0, []
    for number, example in enumerate(dataset.examples, 1):
        try:
            pixels[kept] = shrink(open_upright(dataset.path(example)), size)
            kept += 1
        except Exception:  # whatever Pillow raises, one unreadable file must not end the run: it is listed
            broken.append(example.file)
        progress(number, len(dataset.examples))
    return dataset.without(broken), pixels[:kept], broken


def folds_by_patient(dataset: DataSet, folds: int, seed: int) -> np.ndarray:
    """The fold of each photo, [n]: no patient in two, classes spread as evenly as patients allow.

    Patients are dealt out class by class, rarest class first, so that every class with `folds` patients or more is
    in every fold; fewer folds are made when a class has fewer patients.
    """
    patients: dict[str, set[str]] = {label: set() for label in dataset.labels}
    for example in dataset.examples:
        patients[example.label].add(example.patient)
    folds = max(2, min(folds, *(len(who) for who in patients.values())))
    rng = np.random.default_rng(seed)
    fold_of: dict[str, int] = {}
    for label in sorted(patients, key=lambda each: (len(patients[each]), each)):
        held = [sum(fold_of.get(who) == fold for who in patients[label]) for fold in range(folds)]
        for who in rng.permutation(sorted(patients[label] - fold_of.keys())):
            fold_of[str(who)] = emptiest = int(np.argmin(held))
            held[emptiest] += 1
    return np.array([fold_of[example.patient] for example in dataset.examples])


def _metadata(path: Path) -> dict[str, dict[str, str]]:
    """Rows by file, with the aliases of answer columns resolved."""
    if not path.exists():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            if "file" not in (reader.fieldnames or ()):
                raise DataError(f"{path} has no column “file”.")
            known = {*Answers.__annotations__, *ALIASES, *NO_ANSWERS}
            strange = [name for name in reader.fieldnames or () if name not in known]
            if strange:
                raise DataError(
                    f"{path} has the column “{strange[0]}”, which is neither an answer ({', '.join(QUESTIONS)}, age, "
                    f"site) nor one of {', '.join(sorted(NO_ANSWERS))}: rename it or take it out."
                )
            return {
                Path(row["file"] or "").as_posix(): {
                    ALIASES.get(key, key): value or "" for key, value in row.items() if key is not None
                }
                for row in reader
            }
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a readable CSV file in UTF-8: {error}.") from None


def _with_splits(dataset: DataSet) -> DataSet:
    """Splits by patient, the same for the same data on every machine: by the hash of the patient, class by class."""
    labels: dict[str, str] = {}
    for example in dataset.examples:
        labels.setdefault(example.patient, example.label)
    held: set[str] = set()
    for label in dataset.labels:
        patients = sorted(
            (patient for patient, first in labels.items() if first == label),
            key=lambda patient: hashlib.sha256(patient.encode()).digest(),
        )
        # Two patients must stay to train on, whatever the share.
        held.update(patients[: max(0, min(round(len(patients) * HELD_OUT), len(patients) - 2))])
    examples = tuple(
        replace(example, split="val" if example.patient in held else "train") for example in dataset.examples
    )
    note = f"The folder has no splits: about {HELD_OUT:.0%} of the patients of each class are held out as val."
    return replace(dataset, examples=examples, notes=(*dataset.notes, note))


def _content_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
