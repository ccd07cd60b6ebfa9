"""Model versions for tests that never load a network."""

import itertools

import numpy as np

from inference.engine import Opinion
from inference.models import ModelState, ModelVersion

CLASSES = ["ACK", "BCC", "MEL", "NEV", "SCC", "SEK"]
_counter = itertools.count(1)


def registered_model(state: str = ModelState.ACTIVE) -> ModelVersion:
    number = next(_counter)
    return ModelVersion.objects.create(
        name=f"fake-{number}", path="no/such/bundle", sha256=f"{number:064x}", classes=CLASSES, state=state
    )


def opinion(first: str = "NEV", *, urgent: bool = False, uncertain: bool = False, strange: bool = False) -> Opinion:
    """An opinion as the engine gives it, with `first` on top and its evidence in the upper left."""
    probabilities = {first: 0.75, **{code: 0.05 for code in CLASSES if code != first}}
    maps = np.zeros((len(CLASSES), 7, 7), np.float32)
    maps[CLASSES.index(first), :3, :3] = 4
    return Opinion(
        probabilities=probabilities,
        answer_set=(first,),
        coverage=90,
        malignant_probability=0.8 if urgent else 0.1,
        urgent=urgent,
        uncertain=uncertain,
        novelty=None,
        strange=strange,
        maps=maps,
        embedding=np.arange(16, dtype=np.float32),
    )


class FakeEngine:
    """Answers like an engine, at once; `during` is called while it computes."""

    def __init__(self, during=lambda: None, **look: object) -> None:
        self.during, self.look = during, look
        self.seen: list[tuple[object, object]] = []

    def classify(self, image, answers, coverage) -> Opinion:
        self.seen.append((image.size, answers))
        self.during()
        return opinion(**self.look)
