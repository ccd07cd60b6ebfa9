"""Photos from before there was a quality score and a perceptual hash get both, from the upright copy that is kept.

What is measured is written photo by photo, so a run that was stopped goes on where it was, and two at once do no harm.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from django.db.models import QuerySet
from PIL import Image

from cases.models import LesionImage
from cases.photo import resemblance
from cases.pixels import likeness, quality, remarks

log = structlog.get_logger(__name__)

_BATCH = 200
# Said of the file as it was sent, which cannot be seen from the copy.
_STAYS = {"several_pictures"}


@dataclass
class Progress:
    """How far a run is."""

    total: int
    measured: int = 0
    unreadable: int = 0


def unmeasured() -> QuerySet[LesionImage]:
    return LesionImage.objects.filter(quality={})


def measure_all() -> Iterator[Progress]:
    """Measures what is not measured yet; gives the state after every photo."""
    progress, last = Progress(unmeasured().count()), None
    while True:
        ahead = unmeasured().order_by("id")
        batch = list((ahead.filter(id__gt=last) if last else ahead)[:_BATCH])
        if not batch:
            return
        for image in batch:
            if _measure(image):
                progress.measured += 1
            else:
                progress.unreadable += 1
            yield progress
        last = batch[-1].id


def _measure(image: LesionImage) -> bool:
    """False when its copy cannot be read; the next run tries again."""
    try:
        with image.derivative.open("rb") as file, Image.open(file) as copy:
            upright = copy.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        log.warning("photo_unreadable", image=str(image.id), error=type(error).__name__)
        return False
    short_side = min(image.width, image.height)
    scores = quality.parts(upright, short_side)
    said = [code for code in image.quality_remarks if code in _STAYS]
    unmeasured().filter(id=image.id).update(
        quality=scores,
        quality_remarks=[*remarks.of_quality(scores, short_side), *said],
        **resemblance.fields(likeness.look(upright)),
    )
    return True
