"""What a model is trained on: a folder of photos, a snapshot of signed cases, or both together; and can it work?

Loads no Keras, so a refusal comes at once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import numpy as np
from PIL import Image, ImageOps

from cases.models import Condition, Urgency
from cases.pixels import likeness
from cases.vocabulary import ConditionSpec, vocabulary
from inference.bundle import BundleClass, BundleError
from training.data import snapshots
from training.data.classes import code_of, describe
from training.data.datasets import DataError, DataSet, check, load
from training.models import Snapshot
from training.progress import Report
from training.recipe import Options

# A condition that only signed cases show needs so many patients to learn from; below, it is no class of the model.
FEWEST_PATIENTS = 5
_ENOUGH_FOR_A_LOOK = (512, 512)


def gather(folder: Path | None, snapshot_id: UUID | None, training_splits: str) -> DataSet:
    """The photos of a folder, of a snapshot, or of both.

    Raises:
        DataError: neither is named, the folder holds no data set, or a consent of the snapshot was taken back.
    """
    if snapshot_id is None:
        if folder is None:
            raise DataError("Name what to learn from: a folder with --data, signed cases with --from-cases, or both.")
        return load(folder, code_of)
    snapshot = Snapshot.objects.filter(id=snapshot_id).first()
    if snapshot is None:
        raise DataError("The snapshot of signed cases is not in this database.")
    photos = load(folder, code_of) if folder else None
    cases = snapshots.dataset(snapshot)
    if photos is None:
        return _without_rare(cases, DataSet(cases.folder, ()), training_splits)
    return joined(photos, cases, training_splits)


def attribution(folder: Path) -> str:
    """The sentence that a model trained on this folder must carry, where the folder has a file that says so."""
    file = folder / "ATTRIBUTION.txt"
    return " ".join(file.read_text(encoding="utf-8").split()) if file.is_file() else ""


def joined(photos: DataSet, cases: DataSet, training_splits: str) -> DataSet:
    """Both together; a case's photo that lies in the folder too is the folder's, also where it was compressed anew.

    Else the same picture could be learnt from in the one and measured on in the other.
    """
    known = set(photos.photo_hashes())
    looks = _looks(photos) if any(each.look is not None for each in cases.examples) else np.empty(0, np.uint64)
    fresh = tuple(
        each
        for each in cases.examples
        if cases.content_hash(each)[:16] not in known and not _is_like_one_of(looks, each.look)
    )
    notes = list(cases.notes)
    if doubles := len(cases.examples) - len(fresh):
        notes.append(f"{doubles} photos of signed cases are in the folder already and count there.")
    cases = _without_rare(replace(cases, examples=fresh, notes=tuple(notes)), photos, training_splits)
    return replace(photos, examples=photos.examples + cases.examples, notes=photos.notes + cases.notes)


def _looks(photos: DataSet) -> np.ndarray:
    """The perceptual hash of each photo that has one, uint64 [n]."""
    found = []
    for example in photos.examples:
        try:
            with Image.open(photos.path(example)) as photo:
                # A large JPEG is decoded at a part of its size, in a fraction of the time.
                photo.draft("RGB", _ENOUGH_FOR_A_LOOK)
                found.append(likeness.look(ImageOps.exif_transpose(photo).convert("RGB")))
        except Exception:  # noqa: S112 - whatever Pillow raises: what cannot be read is listed when it is decoded
            continue
    return np.array([each for each in found if each is not None], np.int64).view(np.uint64)


def _is_like_one_of(looks: np.ndarray, look: int | None) -> bool:
    if look is None or not looks.size:
        return False
    differing = np.bitwise_count(looks ^ np.array(look, np.int64).view(np.uint64))
    return bool((differing <= likeness.SAME).any())


def _without_rare(cases: DataSet, photos: DataSet, training_splits: str) -> DataSet:
    """Without the conditions of which too few patients could be learnt from: a clinic always has a few such."""
    learnt = None if training_splits == "all" else training_splits.split(",")
    patients: dict[str, set[str]] = defaultdict(set)
    for example in cases.examples:
        if learnt is None or example.split in learnt:
            patients[example.label].add(example.patient)
    rare = {label for label in cases.labels if label not in photos.labels and len(patients[label]) < FEWEST_PATIENTS}
    if not rare:
        return cases
    kept = tuple(example for example in cases.examples if example.label not in rare)
    counted = Counter(example.label for example in cases.examples if example.label in rare)
    note = (
        f"Left out, with fewer than {FEWEST_PATIENTS} patients to learn from: "
        f"{', '.join(f'{label} ({n} photos)' for label, n in sorted(counted.items()))}."
    )
    if not kept and not photos.examples:
        raise DataError(f"No condition has {FEWEST_PATIENTS} patients to learn from yet: sign more cases first.")
    return replace(cases, examples=kept, notes=(*cases.notes, note))


def known_conditions(snapshot_id: UUID | None) -> Mapping[str, ConditionSpec]:
    """What is known of the classes: the shipped vocabulary, and for signed cases what the clinics made of it."""
    if snapshot_id is None:
        return vocabulary()
    edited = {
        each.code: ConditionSpec(
            each.code, each.name, each.icd10, each.malignant, Urgency(each.urgency).name.lower(), tuple(each.synonyms)
        )
        for each in Condition.objects.all()
    }
    return {**vocabulary(), **edited}


def checked_data(options: Options, report: Report) -> tuple[DataSet, tuple[BundleClass, ...]]:
    """The data set and its classes, counted aloud.

    Raises DataError or BundleError, in one sentence, for what cannot work.
    """
    if options.bundle.exists():
        raise BundleError(f"{options.bundle} exists already: choose another --name or --out.")
    dataset = gather(options.data, options.snapshot, options.splits)
    report.say(f"{'split':<12} {'class':<24} {'photos':>7} {'patients':>9}")
    for split, label, photos, patients in dataset.counts():
        report.say(f"{split:<12} {label:<24} {photos:>7} {patients:>9}")
    for note in dataset.notes:
        report.say(note)
    check(dataset, options.splits)
    classes, unsaid = describe(dataset.labels, options.malignant, known_conditions(options.snapshot))
    if unsaid:
        report.say(
            f"The condition vocabulary does not say, so these count as benign: {', '.join(unsaid)}. "
            "If one of them is malignant, name it with --malignant."
        )
    return dataset, classes
