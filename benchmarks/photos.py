"""Drawn photos of a wanted size in pixels and in bytes, each different from every other."""

import struct

import numpy as np
from PIL import Image

from cases.pixels import drawing

# As phones and the usual teaching sets (600 x 450) have them.
SMALL = (600, 450, 76_000)
LARGE = (4000, 3000, 3_500_000)
# A photo may weigh this share more or less than wanted.
TOLERANCE = 0.05
_SOI = b"\xff\xd8"


def drawn(width: int, height: int, weight: int, *, seed: int = 0) -> bytes:
    """A JPEG of a lesion, `width` x `height` pixels and about `weight` bytes, by the noise that a sensor adds.

    The quality is a camera's (90), because how long a decoder takes follows from the bytes.
    """
    picture = np.asarray(drawing.draw("NEV", seed=seed, width=width, height=height), dtype=np.float32)
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 1)).astype(np.float32)
    low, high = 0.0, 60.0
    for _ in range(12):
        strength = (low + high) / 2
        data = _encoded(picture + strength * noise)
        if abs(len(data) - weight) <= TOLERANCE * weight:
            return data
        low, high = (strength, high) if len(data) < weight else (low, strength)
    raise ValueError(f"{width} x {height} pixels cannot weigh {weight} bytes")


def _encoded(pixels: np.ndarray) -> bytes:
    return drawing.jpeg(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), quality=90)


def several(size: tuple[int, int, int], number: int) -> list[bytes]:
    """`number` photos of one size, with other lesions."""
    return [drawn(*size, seed=seed) for seed in range(number)]


def unlike(data: bytes, number: int) -> bytes:
    """The same pixels as another file, as two shots have other metadata: a comment with `number` in it."""
    comment = b"shot %d" % number
    return _SOI + struct.pack(">BBH", 0xFF, 0xFE, len(comment) + 2) + comment + data[len(_SOI) :]
