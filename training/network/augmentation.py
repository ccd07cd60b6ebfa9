"""Changes to a photo that a clinic's camera could have made, so that none of them carries the diagnosis.

Works on the cached thumbnails (uint8, already at the network's size): geometry first, as one affine warp, then
light and colour, then a little blur or a stroke of ink.  Drawn from a numpy generator, so a seed repeats a run.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageStat

INK = ((40, 50, 130), (60, 40, 110), (20, 20, 30), (90, 60, 140))


def vary(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One random variation of a photo, uint8 [size, size, 3] in and out."""
    image = _warp(Image.fromarray(pixels), rng)
    if rng.random() < 0.1:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    varied = np.asarray(_light(image, rng))
    if rng.random() < 0.15:
        varied = _ink(varied, rng)
    return varied


def _warp(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Turned by any angle, perhaps mirrored, 0.7-1.1 of the view, sides stretched by up to 4:3, slightly moved."""
    size = image.width
    angle = rng.uniform(0, 2 * math.pi)
    zoom = rng.uniform(0.7, 1.1)
    stretch = math.exp(rng.uniform(-0.14, 0.14))
    mirror = rng.choice((-1.0, 1.0))
    sx, sy = zoom * stretch * mirror, zoom / stretch
    a, b = math.cos(angle) * sx, -math.sin(angle) * sy
    d, e = math.sin(angle) * sx, math.cos(angle) * sy
    centre = (size - 1) / 2
    dx, dy = rng.uniform(-0.08, 0.08, 2) * size
    matrix = (
        a, b, centre - a * centre - b * centre + dx,
        d, e, centre - d * centre - e * centre + dy,
    )  # fmt: skip
    # The corners that a turn brings in are mirrored skin, not black wedges.
    margin = size // 2
    wide = np.pad(np.asarray(image), ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    shifted = (a, b, matrix[2] + margin, d, e, matrix[5] + margin)
    return Image.fromarray(wide).transform((size, size), Image.Transform.AFFINE, shifted, Image.Resampling.BILINEAR)


def _light(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Exposure, contrast, saturation and white balance (a gain per channel).

    Each is linear in the channels, so all are one matrix, which Pillow applies in a twentieth of numpy's time.
    """
    exposure, contrast, saturation = rng.uniform(0.85, 1.15), rng.uniform(0.8, 1.2), rng.uniform(0.75, 1.25)
    balance = rng.uniform(0.93, 1.07, (3, 1))
    mean = np.mean(ImageStat.Stat(image).mean) * exposure
    matrix = exposure * contrast * (saturation * np.eye(3) + (1 - saturation) / 3)
    shift = np.full((3, 1), mean * (1 - contrast))
    return image.convert("RGB", tuple((balance * np.hstack([matrix, shift])).ravel()))


def _ink(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A pen arc somewhere round the middle: surgeons mark what they suspect, and a model must not read the pen."""
    image = Image.fromarray(pixels)
    size = image.width
    centre = size / 2 + rng.uniform(-0.1, 0.1, 2) * size
    radius = rng.uniform(0.25, 0.5) * size
    box = [centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius]
    start = rng.uniform(0, 360)
    ImageDraw.Draw(image).arc(
        box, start, start + rng.uniform(30, 300), INK[rng.integers(len(INK))], int(rng.integers(1, 5))
    )
    return np.asarray(image)
