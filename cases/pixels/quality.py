"""How good a photo is for the network and for the doctor: a score of five parts, each 0 (useless) to 1 (good).

Everything is measured on one small copy, a few milliseconds a photo. Sharpness and distance weigh what they measure by
logistic regressions (quality.json) that `manage.py quality --fit` learns from photos degraded on purpose; exposure
and size follow fixed curves. docs/model-safety.md has how well each degradation is noticed.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops

# Parts, in the order in which they are shown.
SHARPNESS, BRIGHTNESS, HIGHLIGHTS, SIZE, DISTANCE = "sharpness", "brightness", "highlights", "size", "distance"
PARTS = (SHARPNESS, BRIGHTNESS, HIGHLIGHTS, SIZE, DISTANCE)
WEIGHTS = Path(__file__).with_name("quality.json")

# Everything is measured at this short side in pixels, so that a soft 300 px copy is not called blurred.
_SIDE = 256
_MOST_LONG = 3 * _SIDE
# Median grey to which photos are lifted before sharpness and distance are judged, or the dark would look blurred.
_USUAL_GREY, _LEAST_GREY = 140.0, 16.0
# Spots are looked for on a grid of this side, at these sizes (standard deviations in its points).
_GRID, _SPOT_SIZES = 64, (2.2, 3.3, 5.0, 7.5, 11.0)

# Luminance (0-255) that the brightest twentieth of the picture stays below, where the part is 0.5. Low, because the
# darkest skin in good light reaches about 70; photos of PAD-UFES-20, hardly any of dark skin, reached 112 and more.
_HALF_DARK, _DARK_STEEPNESS = 65.0, 10.0
# A pixel is burnt out where any colour is at least this bright; the share of such pixels where the part is 0.5.
_BURNT_OUT, _HALF_BURNT, _BURNT_STEEPNESS = 252, 0.2, 1.5
# Short side in pixels, of the photo as it was sent, where the part is 0.5. Networks look at 224-260 px; the many photos
# of PAD-UFES-20 with 300 px must stay good enough, since the network was taught by them.
_HALF_SMALL, _SMALL_STEEPNESS = 270.0, 16.0


def parts(upright: Image.Image, short_side: int) -> dict[str, float]:
    """Each part's score 0-1, of an upright RGB picture; `short_side` is the original's, in pixels."""
    small = _measured_copy(upright)
    measured = _measured(small)
    return {
        SHARPNESS: round(_weighed(SHARPNESS, measured[SHARPNESS]), 3),
        BRIGHTNESS: round(brightness(small), 3),
        HIGHLIGHTS: round(unburnt(small), 3),
        SIZE: round(1 / (1 + (_HALF_SMALL / max(short_side, 1)) ** _SMALL_STEEPNESS), 3),
        DISTANCE: round(_weighed(DISTANCE, measured[DISTANCE]), 3),
    }


def features(upright: Image.Image) -> dict[str, list[float]]:
    """What the weighed parts are computed from; `quality --fit` learns the weights from these."""
    return _measured(_measured_copy(upright))


def score(scores: Mapping[str, float], *, is_close_up: bool = True) -> float | None:
    """A photo is as good as its worst part; None for one that was never measured.

    An overview is taken from afar on purpose, and dermoscopy touches the skin: there distance says nothing.
    """
    counted = [value for part, value in scores.items() if is_close_up or part != DISTANCE]
    return min(counted) if counted else None


def brightness(picture: Image.Image) -> float:
    """1 in good light, towards 0 in the dark."""
    lights = _percentile(np.array(picture.convert("L").histogram()), 0.95)
    return float(1 / (1 + (_HALF_DARK / max(lights, 1.0)) ** _DARK_STEEPNESS))


def unburnt(picture: Image.Image) -> float:
    """1 where no colour is at its end, towards 0 where large parts are."""
    red, green, blue = picture.split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue).histogram()
    share = sum(brightest[_BURNT_OUT:]) / sum(brightest)
    return float(1 / (1 + (share / _HALF_BURNT) ** _BURNT_STEEPNESS))


def _measured(small: Image.Image) -> dict[str, list[float]]:
    """The features of the two parts that are weighed, of a copy that is brightened or darkened to the usual median."""
    # Sums of the three colours in whole numbers: quick to add, subtract and count, and nothing is rounded.
    red, green, blue = (np.asarray(band, np.int16) for band in small.split())
    sums = red + green + blue
    gain = _USUAL_GREY / max(_percentile(np.bincount(sums.ravel()), 0.5) / 3, _LEAST_GREY)
    lift = (np.arange(256, dtype=np.float32) * gain).clip(0, 255).astype(np.uint8)
    return {SHARPNESS: edges(sums, gain / 3), DISTANCE: spots(small.point(lift.tolist() * 3))}


def edges(sums: np.ndarray, gain: float) -> list[float]:
    """How steep the steepest places are, in the direction where they are least so (motion blurs one direction only),
    and how much of the texture is finer than two pixels (an enlarged picture has none).

    `sums`: int16 [height, width]; times `gain` they are the lifted grey levels.
    """
    steepest, fine, coarse = [], [], []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        # A diagonal step is longer, and its difference halved.
        unit = gain / 2 if down and right else gain
        near = np.bincount(np.abs(_second_difference(sums, down, right, 1)).ravel())
        steepest.append(unit * _of_rank(near, int(0.995 * (near.sum() - 1))))
        fine.append(unit * float(near @ np.arange(near.size)) / float(near.sum()))
        coarse.append(unit * float(np.abs(_second_difference(sums, down, right, 2)).mean()))
    # What is left of a very blurred picture is noise, which is as fine as can be: it must not pass for texture.
    finest = min(near / (far + 0.5) for near, far in zip(fine, coarse, strict=True))
    values = (min(steepest) + 0.3, max(steepest) + 0.3, min(fine) + 0.1, max(fine) + 0.1, finest + 0.1)
    return [float(np.log(value)) for value in values]


def spots(lifted: Image.Image) -> list[float]:
    """How much the strongest spot stands out at each of several sizes, in brightness and two colour contrasts.

    A lesion that fills the picture stands out at the largest sizes too, one in the distance at the smallest only.
    The response at each size is that of a Laplacian of Gaussian (Lindeberg 1998, doi:10.1023/A:1008045108935).
    """
    square = lifted.resize((_GRID, _GRID), Image.Resampling.BOX)
    red, green, blue = np.asarray(square, np.float32).transpose(2, 0, 1)
    contrasts = np.stack([(red + green + blue) / 3, red - green, (red + green) / 2 - blue])
    found = [
        size**2 * np.abs(_laplacian(blur @ contrasts @ blur.T)).max(axis=(1, 2))
        for size, blur in zip(_SPOT_SIZES, _blurs(), strict=True)
    ]
    # Contrast by contrast, each with its sizes.
    return np.log(np.stack(found, axis=1) + 0.5).ravel().tolist()


@cache
def _blurs() -> list[np.ndarray]:
    """For each size the matrix that blurs a column of the grid by a Gaussian, mirrored at the edges."""
    place = np.arange(_GRID)
    matrices = []
    for size in _SPOT_SIZES:
        weights = np.zeros((_GRID, _GRID))
        for mirror in range(-2 * _GRID, 2 * _GRID):
            inside = mirror % (2 * _GRID)
            weights[:, min(inside, 2 * _GRID - 1 - inside)] += np.exp(-0.5 * ((place - mirror) / size) ** 2)
        matrices.append((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))
    return matrices


def _measured_copy(upright: Image.Image) -> Image.Image:
    scale = _SIDE / min(upright.size)
    width, height = (min(_MOST_LONG, max(_SIDE, round(side * scale))) for side in upright.size)
    return upright.resize((width, height), Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC)


def _second_difference(sums: np.ndarray, down: int, right: int, step: int) -> np.ndarray:
    """Second difference along one direction."""
    height, width = sums.shape
    middle = sums[step : height - step, step : width - step]

    def moved(sign: int) -> np.ndarray:
        top, left = step + sign * down * step, step + sign * right * step
        return sums[top : top + height - 2 * step, left : left + width - 2 * step]

    return moved(1) + moved(-1) - 2 * middle


def _laplacian(greys: np.ndarray) -> np.ndarray:
    """Of each picture of [pictures, height, width]; the edge goes on as it is."""
    padded = np.pad(greys, ((0, 0), (1, 1), (1, 1)), mode="edge")
    ring = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    return ring - 4 * greys


def _of_rank(counts: np.ndarray, rank: int) -> int:
    """The value of the given rank (0: the smallest) among values of which `counts` says how often each occurs."""
    return int(np.searchsorted(np.cumsum(counts), rank, side="right"))


def _percentile(counts: np.ndarray, share: float) -> float:
    """Between two ranks in proportion, as numpy does it."""
    rank = share * (int(counts.sum()) - 1)
    low, high = _of_rank(counts, int(np.floor(rank))), _of_rank(counts, int(np.ceil(rank)))
    return low + (rank - np.floor(rank)) * (high - low)


@cache
def _weights() -> dict[str, list[float]]:
    return json.loads(WEIGHTS.read_text())


def _weighed(part: str, measured: Sequence[float]) -> float:
    """The logistic regression of one part; the weights end with the constant."""
    *slopes, constant = _weights()[part]
    return logistic(sum(slope * value for slope, value in zip(slopes, measured, strict=True)) + constant)


def logistic(value: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(value, -30, 30))))
