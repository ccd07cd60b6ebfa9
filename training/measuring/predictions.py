"""What a cross-validation said of each photo, kept in a file: to look at it by group, and to try other ways of
deciding on it without training again."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.datasets import DataError


@dataclass(frozen=True)
class Predictions:
    """Held-out results of `repeats` cross-validations of the same photos, r x n."""

    files: np.ndarray  # str [n], as the data set names its photos
    codes: np.ndarray  # str [classes]
    photo: np.ndarray  # float32 [r, n, classes], logits of the photo alone
    fold: np.ndarray  # int [r, n]

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            np.savez_compressed(stream, files=self.files, codes=self.codes, photo=self.photo, fold=self.fold)

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Raises DataError, in one sentence, for a file that `save` did not write."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls(*(stored[name] for name in ("files", "codes", "photo", "fold")))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            raise DataError(f"{path} does not hold predictions: `crossvalidate --predictions` writes them.") from None
