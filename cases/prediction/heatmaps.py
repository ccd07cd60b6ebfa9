"""Where in the photo the evidence for a condition lies, as a transparent picture to lay over it.

The stored maps are class activation maps (Zhou et al. 2016, arXiv:1512.04150): their mean over all places is the
class's logit. A logit means something only beside the others, so what is drawn is how far a class stands above the
mean of all classes at a place, and one scale serves all conditions of a prediction: a weak suspicion looks weak.
"""

import io

import numpy as np
from PIL import Image

from cases.models import Prediction, PredictionState

# Pixels; browsers scale it smoothly to the photo's size.
LONG_SIDE = 512
_LEVELS = 256
_MOST_OPAQUE = 180
# Evidence below this share of the strongest is not drawn, so that the photo stays to be seen.
_FAINTEST = 0.15
# Anchors of matplotlib's "viridis" (CC0): evenly spaced in lightness, told apart with every colour vision.
_ANCHORS = [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)]


def evidence(prediction: Prediction, condition: str | None = None) -> np.ndarray | None:
    """Evidence for `condition` (default: the most probable), float32 [rows, columns] in 0-1.

    None where the prediction has no result or its model does not know the condition.
    """
    classes = prediction.model_version.classes
    code = condition or prediction.first_condition
    if (
        prediction.state != PredictionState.DONE
        or prediction.maps is None
        or code not in classes
        or not prediction.map_rows
        or not prediction.map_columns
    ):
        return None
    shape = (len(classes), prediction.map_rows, prediction.map_columns)
    maps = np.frombuffer(prediction.maps, dtype=np.float16).reshape(shape).astype(np.float32)
    above = np.clip(maps - maps.mean(axis=0), 0, None)
    strongest = above.max()
    return above[classes.index(code)] / strongest if strongest > 0 else above[classes.index(code)]


def png(shares: np.ndarray, width: int, height: int) -> bytes:
    """`shares` in 0-1 as a transparent PNG in the aspect of `width` x `height`, its long side LONG_SIDE."""
    scale = LONG_SIDE / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    smooth = Image.fromarray(shares.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    levels = (np.asarray(smooth).clip(0, 1) * (_LEVELS - 1)).round().astype(np.uint8)
    picture = Image.fromarray(levels).convert("P")
    steps = np.linspace(0, 1, _LEVELS)
    places = np.linspace(0, 1, len(_ANCHORS))
    colours = np.stack([np.interp(steps, places, channel) for channel in np.array(_ANCHORS).T], axis=1)
    picture.putpalette(colours.round().astype(np.uint8).tobytes())
    ramp = np.clip((steps - _FAINTEST) / (1 - _FAINTEST), 0, 1)
    # Rises fast and without an edge that would look like a contour of the lesion.
    opacity = (_MOST_OPAQUE * ramp * (2 - ramp)).round().astype(np.uint8)
    out = io.BytesIO()
    picture.save(out, "PNG", transparency=opacity.tobytes(), optimize=False)
    return out.getvalue()
