"""Photos made worse on purpose, as hands, light and distance do it. All lengths are shares of the shorter side."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from cases.pixels import quality

_JPEG_QUALITY = 90
_SHRUNK_SIDE = 200  # the smallest that intake takes

Worsen = Callable[[Image.Image, np.random.Generator], Image.Image]


@dataclass(frozen=True)
class Degradation:
    """One way to spoil a photo, the part of the score that must notice it, and whether it is a clear case.

    Mild ones are measured too, but nothing is promised of them.
    """

    name: str
    part: str
    clear: bool
    worsen: Worsen
    # Whether the weights are fitted on it; only parts with weights have any.
    fitted: bool = False


def gaussian_blur(sigma: float) -> Worsen:
    return lambda photo, rng: photo.filter(ImageFilter.GaussianBlur(sigma * min(photo.size)))


def motion_blur(length: float) -> Worsen:
    """The camera moved by `length` along a random direction while the shutter was open."""

    def worsen(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
        steps = max(3, round(length * min(photo.size)))
        angle = rng.uniform(0, np.pi)
        pixels = np.asarray(photo, np.float32)
        height, width = pixels.shape[:2]
        padded = np.pad(pixels, ((steps, steps), (steps, steps), (0, 0)), "edge")
        total = np.zeros_like(pixels)
        for share in np.linspace(-0.5, 0.5, steps):
            top = steps + round(share * steps * np.sin(angle))
            left = steps + round(share * steps * np.cos(angle))
            total += padded[top : top + height, left : left + width]
        return _picture(total / steps)

    return worsen


def exposure(stops: float) -> Worsen:
    """2^stops times the light, in linear light, cut off where the sensor is full (sRGB, IEC 61966-2-1)."""

    def worsen(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
        stored = np.asarray(photo, np.float32) / 255
        light = np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4)
        light = (light * 2.0**stops).clip(0, 1)
        return _picture(255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055))

    return worsen


def shrink(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A copy as messengers send it."""
    return _scaled(photo, _SHRUNK_SIDE / min(photo.size))


def enlarge(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A copy of a quarter of the sides, enlarged again: many pixels, and nothing in them."""
    return _scaled(photo, 0.25).resize(photo.size, Image.Resampling.BICUBIC)


def far_away(times: float, *, textured: bool) -> Worsen:
    """The photo from `times` the distance: shrunk, somewhere in a wide field of the same skin.

    The field goes on from the photo's edges in colour. `textured` adds the fine structure of its plainest border
    places, in random order; without it the field is smooth. Both are there so that a score which only knows how such
    a field is made, and not how large the lesion is, shows itself by their difference.
    """

    def worsen(photo: Image.Image, rng: np.random.Generator) -> Image.Image:
        small = np.asarray(_scaled(photo, 1 / times), np.float32)
        height, width = small.shape[:2]
        field = np.zeros((photo.height, photo.width, 3), np.float32)
        known = np.zeros((photo.height, photo.width), np.float32)
        top = round(rng.uniform(0.2, 0.8) * (photo.height - height))
        left = round(rng.uniform(0.2, 0.8) * (photo.width - width))
        field[top : top + height, left : left + width] = small
        known[top : top + height, left : left + width] = 1
        field = _grown(field, known)
        if textured:
            field += _texture(small, field.shape, rng) * (1 - known)[..., None]
        return _picture(field)

    return worsen


DEGRADATIONS = (
    Degradation("blur, Gaussian 0.8 %", quality.SHARPNESS, False, gaussian_blur(0.008), fitted=True),
    Degradation("blur, Gaussian 1.2 %", quality.SHARPNESS, True, gaussian_blur(0.012), fitted=True),
    Degradation("blur, Gaussian 2.4 %", quality.SHARPNESS, True, gaussian_blur(0.024), fitted=True),
    Degradation("blur, moved by 3 %", quality.SHARPNESS, False, motion_blur(0.03), fitted=True),
    Degradation("blur, moved by 5 %", quality.SHARPNESS, True, motion_blur(0.05), fitted=True),
    Degradation("blur, moved by 8 %", quality.SHARPNESS, True, motion_blur(0.08), fitted=True),
    Degradation("enlarged four times", quality.SHARPNESS, True, enlarge, fitted=True),
    Degradation("underexposed by 2 stops", quality.BRIGHTNESS, False, exposure(-2)),
    Degradation("underexposed by 3 stops", quality.BRIGHTNESS, False, exposure(-3)),
    Degradation("underexposed by 4 stops", quality.BRIGHTNESS, True, exposure(-4)),
    Degradation("overexposed by 1 stop", quality.HIGHLIGHTS, False, exposure(1)),
    Degradation("overexposed by 1.5 stops", quality.HIGHLIGHTS, True, exposure(1.5)),
    Degradation("overexposed by 2 stops", quality.HIGHLIGHTS, True, exposure(2)),
    Degradation(f"shrunk to {_SHRUNK_SIDE} pixels", quality.SIZE, True, shrink),
    Degradation("2 times as far, textured skin", quality.DISTANCE, False, far_away(2, textured=True)),
    Degradation("3 times as far, textured skin", quality.DISTANCE, True, far_away(3, textured=True), fitted=True),
    Degradation("3 times as far, smooth skin", quality.DISTANCE, True, far_away(3, textured=False), fitted=True),
    Degradation("4 times as far, textured skin", quality.DISTANCE, True, far_away(4, textured=True)),
)


def as_sent(photo: Image.Image) -> bytes:
    """The photo as a phone would send it."""
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=_JPEG_QUALITY)
    return out.getvalue()


def _picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray((pixels + 0.5).clip(0, 255).astype(np.uint8))


def _scaled(photo: Image.Image, scale: float) -> Image.Image:
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return photo.resize(size, Image.Resampling.LANCZOS)


def _grown(field: np.ndarray, known: np.ndarray) -> np.ndarray:
    """`field` with the unknown pixels filled smoothly from the known ones (push-pull, Gortler et al. 1996)."""
    height, width = known.shape
    if min(height, width) <= 2:
        mean = (field * known[..., None]).sum(axis=(0, 1)) / known.sum()
        return np.broadcast_to(mean, field.shape)
    half = ((width + 1) // 2, (height + 1) // 2)
    weight = _resized(known[..., None], half, Image.Resampling.BOX)
    pushed = _resized(field * known[..., None], half, Image.Resampling.BOX) / np.maximum(weight, 1e-3)
    pulled = _grown(pushed, (weight[..., 0] > 1e-3).astype(np.float32) * weight[..., 0].clip(0, 1))
    filled = _resized(pulled, (width, height), Image.Resampling.BICUBIC)
    return field * known[..., None] + filled * (1 - known[..., None])


def _resized(planes: np.ndarray, size: tuple[int, int], filter_: Image.Resampling) -> np.ndarray:
    channels = np.moveaxis(planes.astype(np.float32), 2, 0)
    return np.stack([np.asarray(Image.fromarray(each.copy()).resize(size, filter_)) for each in channels], axis=-1)


def _texture(small: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Fine structure for a field of `shape`, float32, from the plainest half of the places along the border."""
    height, width = small.shape[:2]
    side = max(6, min(width, height) // 5)
    smooth = np.asarray(_picture(small).filter(ImageFilter.GaussianBlur(side / 3)), np.float32)
    fine = small - smooth
    rows, columns = range(0, height - side + 1, side // 2), range(0, width - side + 1, side // 2)
    corners = [(row, column) for row in (0, height - side) for column in columns]
    corners += [(row, column) for column in (0, width - side) for row in rows]
    places = sorted((fine[row : row + side, column : column + side] for row, column in corners), key=np.std)
    places = places[: max(4, len(places) // 2)]
    texture = np.zeros(shape, np.float32)
    for top in range(0, shape[0], side):
        for left in range(0, shape[1], side):
            place = np.rot90(places[rng.integers(len(places))], int(rng.integers(4)))
            room = texture[top : top + side, left : left + side]
            room[:] = place[: room.shape[0], : room.shape[1]]
    return texture
