"""What an unfinished training run leaves on disk, so that it can go on where it was killed.

    OUT/.unfinished/run.json       what was asked for, and a fingerprint of it and of the data
    OUT/.unfinished/*.npz          weights, optimiser and random state of each fit, written whole or not at all
    OUT/.unfinished/features.npy   features that were computed already (training/network/tuning.py)

A run that ends well removes the folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from training.data.datasets import DataError, DataSet
from training.recipe import Options, Recipe

FOLDER = ".unfinished"
_ASKED = "run.json"
# A fit of small networks has many epochs a second: one that is younger than this is not worth its write.
SECONDS_BETWEEN = 5.0


class Checkpoints:
    """The folder of one run."""

    def __init__(self, folder: Path, seconds_between: float = SECONDS_BETWEEN) -> None:
        self.folder, self._seconds_between, self._saved = folder, seconds_between, time.monotonic()

    def is_due(self) -> bool:
        return time.monotonic() - self._saved >= self._seconds_between

    def load(self, name: str) -> dict[str, np.ndarray]:
        """What was saved under `name`; empty if nothing was, or if the disk was full half-way."""
        try:
            with np.load(self._file(name), allow_pickle=False) as stored:
                return dict(stored)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return {}

    def save(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """All of it, or what was there before."""
        fresh = self._file(name).with_suffix(".partial")
        with fresh.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]  # the stubs take the names for options
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self._file(name))
        self._saved = time.monotonic()

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.npz"


@contextlib.contextmanager
def of_run(options: Options, dataset: DataSet) -> Iterator[Checkpoints]:
    """The checkpoints of a run; what an earlier one with the same wishes and data has left is gone on with.

    Raises:
        DataError: another process trains there just now, or what lies there is of other data or options.
    """
    folder = options.out / FOLDER
    with kept_in(folder, options, dataset) as kept:
        try:
            yield kept
        except DataError:
            # There is nothing to go on with: other data make another run.
            shutil.rmtree(folder)
            raise
    # Reached only where nothing was raised: whoever was killed finds the folder again.
    shutil.rmtree(folder)


@contextlib.contextmanager
def kept_in(folder: Path, options: Options, dataset: DataSet) -> Iterator[Checkpoints]:
    """The checkpoints in a folder that stays; raises DataError as `of_run` does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"{options.name} is being trained by another process just now.") from None
        _same_run(folder, options, dataset)
        yield Checkpoints(folder)


def _same_run(folder: Path, options: Options, dataset: DataSet) -> None:
    asked = folder / _ASKED
    told = {"fingerprint": _fingerprint(options, dataset), "options": _plain(options)}
    if asked.exists():
        if json.loads(asked.read_text(encoding="utf-8"))["fingerprint"] != told["fingerprint"]:
            raise DataError(
                f"{folder.parent} holds an unfinished run on other data or with other options: choose another --name, "
                f"or remove {folder} to give that run up."
            )
        return
    fresh = asked.with_suffix(".partial")
    fresh.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    fresh.replace(asked)


def unfinished(root: Path, name: str | None = None) -> Options | None:
    """What the unfinished run called `name` (else the newest beneath `root`) was asked for."""
    found = [path for path in root.glob(f"{name or '*'}/{FOLDER}/{_ASKED}") if path.is_file()]
    if not found:
        return None
    newest = max(found, key=lambda path: path.stat().st_mtime)
    return _options(json.loads(newest.read_text(encoding="utf-8"))["options"])


def _fingerprint(options: Options, dataset: DataSet) -> str:
    # Where the data lies and where the result goes may change; what is learnt from what may not.
    wishes = {key: value for key, value in _plain(options).items() if key not in ("data", "out", "snapshot")}
    told = json.dumps([wishes, dataset.manifest_hash()], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _plain(options: Options) -> dict[str, Any]:
    """As JSON has it."""
    plain = {key: str(value) if isinstance(value, Path | UUID) else value for key, value in asdict(options).items()}
    return {**plain, "malignant": list(options.malignant)}


def _options(plain: Mapping[str, Any]) -> Options:
    def path(value: str | None) -> Path | None:
        return None if value is None else Path(value)

    return Options(
        **{
            **plain,
            "data": path(plain["data"]),
            "out": Path(plain["out"]),
            "not_a_lesion": path(plain["not_a_lesion"]),
            "malignant": tuple(plain["malignant"]),
            "recipe": Recipe(**plain["recipe"]),
            "snapshot": UUID(plain["snapshot"]) if plain["snapshot"] else None,
        }
    )
