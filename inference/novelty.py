"""Does a picture look like the photos that the model learnt from?  Advice to a person: it never holds back a photo.

The score works on the trunk's features, averaged over the picture: the frozen layers, that tuning leaves as ImageNet
made them, so a picture of the training data is no nearer to the centre than any other like it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Novelty:
    """score = |(features - centre) @ axes|² + (features - centre) @ direction; high is unlike the training photos.

    The square is a Mahalanobis distance in the lesions' main components (Lee et al. 2018, arXiv:1807.03888); the
    direction comes from pictures that show no lesion, and is zero where none were given.
    """

    centre: np.ndarray  # float32 [d]
    axes: np.ndarray  # float32 [d, k]
    direction: np.ndarray  # float32 [d]

    def score(self, features: np.ndarray) -> np.ndarray:
        """[..., d] to [...]."""
        away = features - self.centre
        return ((away @ self.axes) ** 2).sum(axis=-1) + away @ self.direction

    def save(self, path: Path) -> None:
        np.savez_compressed(path, centre=self.centre, axes=self.axes, direction=self.direction)

    @classmethod
    def load(cls, path: Path) -> Novelty:
        """Raises ValueError for a file of another shape, OSError for one that cannot be read."""
        with np.load(path, allow_pickle=False) as arrays:
            try:
                found = cls(*(arrays[name].astype(np.float32) for name in ("centre", "axes", "direction")))
            except KeyError as error:
                raise ValueError(f"{path.name} lacks {error.args[0]}") from error
        if found.axes.ndim != 2 or not found.centre.shape == found.direction.shape == found.axes.shape[:1]:
            raise ValueError(f"{path.name} holds arrays that do not fit together")
        return found
