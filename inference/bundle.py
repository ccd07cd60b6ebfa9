"""A model bundle: a folder with the network, what is needed to serve it and what is known about it.

    bundle.json      classes, preprocessing, answer encoding, temperature, thresholds, metrics, licence, hashes
    model.onnx       what is served
    model.keras      what training can go on from
    MODEL_CARD.md    what a person should read first
    plot-*.svg       the figures drawn
    training-photos.txt   which photos it was trained on, by content: a test set must not hold them
    novelty.npz      what notices a picture without a lesion; older bundles have none

bundle.json lists the SHA-256 of every other file and of itself, so a damaged or altered bundle is refused at load.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.answers import AnswerEncoding
from inference.novelty import Novelty

FORMAT_VERSION = 1
SPEC_FILE = "bundle.json"
ONNX_FILE = "model.onnx"
KERAS_FILE = "model.keras"
CARD_FILE = "MODEL_CARD.md"
TRAINING_PHOTOS_FILE = "training-photos.txt"
NOVELTY_FILE = "novelty.npz"
PLOT_PREFIX = "plot-"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")


class BundleError(Exception):
    """The bundle cannot be used; one sentence for the user says why."""


@dataclass(frozen=True)
class BundleClass:
    """One answer that the model can give."""

    code: str
    name: str
    icd10: str
    malignant: bool


@dataclass(frozen=True)
class Bundle:
    """A verified bundle.  `spec` is bundle.json as read; the fields are what serving needs of it."""

    path: Path
    name: str
    sha256: str
    conditions: tuple[BundleClass, ...]  # in the order of the outputs
    size: int
    encoding: AnswerEncoding
    temperature: float
    urgent_threshold: float
    abstain_threshold: float
    conformal: Mapping[int, float]  # threshold of an answer set, by its coverage in per cent
    novelty: Novelty | None
    novelty_threshold: float
    spec: dict[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class codes in the order of the network's outputs."""
        return tuple(each.code for each in self.conditions)

    @property
    def onnx_file(self) -> Path:
        return self.path / ONNX_FILE

    def coverage(self, wanted: int) -> int:
        """The coverage in per cent that answer sets can have: the wanted one, else the next higher on offer."""
        return min((each for each in self.conformal if each >= wanted), default=max(self.conformal))

    def training_photos(self) -> frozenset[str] | None:
        """`DataSet.photo_hashes` of what it was trained on; None from a bundle that does not list them."""
        if TRAINING_PHOTOS_FILE not in self.spec["files"]:
            return None
        return frozenset((self.path / TRAINING_PHOTOS_FILE).read_text(encoding="ascii").split())

    @classmethod
    def load(cls, folder: Path | str) -> Bundle:
        """Read and verify; raises BundleError with one sentence."""
        folder = Path(folder)
        try:
            raw = (folder / SPEC_FILE).read_bytes()
        except OSError:
            raise BundleError(f"There is no model bundle in {folder}.") from None
        try:
            spec = json.loads(raw)
            version = int(spec["format_version"])
        except (ValueError, TypeError, KeyError):
            raise BundleError(f"{folder / SPEC_FILE} is not a bundle description.") from None
        if version > FORMAT_VERSION:
            raise BundleError(
                f"The bundle in {folder} has format {version} and this version reads up to {FORMAT_VERSION}: "
                "update skinclinic."
            )
        _verify(folder, spec)
        try:
            return cls._from_spec(folder, spec)
        except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            raise BundleError(f"{folder / SPEC_FILE} lacks or garbles a field: {error}.") from None

    @classmethod
    def _from_spec(cls, folder: Path, spec: dict[str, Any]) -> Bundle:
        classes = tuple(
            BundleClass(each["code"], each["name"], each["icd10"], bool(each["malignant"])) for each in spec["classes"]
        )
        if len({each.code for each in classes}) != len(classes) or len(classes) < 2:
            raise ValueError("classes")
        if not 0.05 <= float(spec["temperature"]) <= 20:
            raise ValueError("temperature")
        thresholds = spec["thresholds"]
        return cls(
            path=folder,
            name=str(spec["name"]),
            sha256=spec["sha256"],
            conditions=classes,
            size=int(spec["preprocessing"]["size"]),
            encoding=AnswerEncoding.from_spec(spec["answers"]),
            temperature=float(spec["temperature"]),
            urgent_threshold=float(thresholds["urgent"]["threshold"]),
            abstain_threshold=float(thresholds["abstain"]["threshold"]),
            conformal=_conformal(thresholds["conformal"]),
            novelty=Novelty.load(folder / NOVELTY_FILE) if NOVELTY_FILE in spec["files"] else None,
            novelty_threshold=float(thresholds["novelty"]["threshold"]) if NOVELTY_FILE in spec["files"] else math.inf,
            spec=spec,
        )


def write(folder: Path | str, spec: Mapping[str, Any], files: Mapping[str, Path]) -> Path:
    """Write a bundle into `folder`, all of it or nothing, and return the folder.

    `files` are copied in under their names; hashes and the format version are added to `spec`.  Everything is
    written to a temporary folder beside the target, flushed to disk and renamed.  Raises BundleError if the name is
    unusable or the target exists.
    """
    folder = Path(folder)
    name = str(spec["name"])
    if not NAME.fullmatch(name):
        raise BundleError("A model's name is made of lower-case letters, digits, dashes and underscores.")
    if folder.exists():
        raise BundleError(f"{folder} exists already: choose another name.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
    try:
        for target, source in files.items():
            shutil.copyfile(source, temporary / target)
        described = {
            **{key: value for key, value in spec.items() if key != "sha256"},
            "format_version": FORMAT_VERSION,
            "files": {
                target: {"sha256": _file_hash(temporary / target), "bytes": (temporary / target).stat().st_size}
                for target in sorted(files)
            },
        }
        described["sha256"] = spec_hash(described)
        text = json.dumps(described, indent=2, ensure_ascii=False, allow_nan=False)
        (temporary / SPEC_FILE).write_text(text + "\n", encoding="utf-8")
        for each in [*temporary.iterdir(), temporary]:
            _flush(each)
        temporary.chmod(0o755)
        os.rename(temporary, folder)
        _flush(folder.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return folder


def _conformal(spec: Mapping[str, float]) -> dict[int, float]:
    """Thresholds by coverage; the first bundles had one, as `threshold` and `coverage`."""
    if "threshold" in spec:
        return {round(100 * spec["coverage"]): float(spec["threshold"])}
    found = {int(wanted): float(threshold) for wanted, threshold in spec.items()}
    if not found:
        raise ValueError("conformal")
    return dict(sorted(found.items()))


def spec_hash(spec: Mapping[str, Any]) -> str:
    """SHA-256 of a description without its own `sha256`, in a form that does not depend on layout."""
    bare = {key: value for key, value in spec.items() if key != "sha256"}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _verify(folder: Path, spec: Mapping[str, Any]) -> None:
    files = spec.get("files")
    if not isinstance(files, dict) or ONNX_FILE not in files or spec.get("sha256") != spec_hash(spec):
        raise BundleError(f"{folder / SPEC_FILE} was changed after the bundle was written.")
    for name, facts in files.items():
        if Path(name).name != name:
            raise BundleError(f"{folder / SPEC_FILE} names a file outside the bundle.")
        try:
            actual = _file_hash(folder / name)
        except OSError:
            raise BundleError(f"The bundle in {folder} lacks its file {name}.") from None
        if actual != facts["sha256"]:
            raise BundleError(f"{name} of the bundle in {folder} was changed or damaged: restore it.")


def _file_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
