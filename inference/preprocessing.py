"""From a photo to what a network sees.  Training and serving both call this, so they cannot differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

MEAN = 127.0
SCALE = 128.0


def open_upright(path: Path | str) -> Image.Image:
    """A photo file as upright RGB.  Raises OSError (Pillow's own errors included) if it cannot be read."""
    with Image.open(path) as image:
        try:
            return ImageOps.exif_transpose(image).convert("RGB")
        except (SyntaxError, ValueError, EOFError) as error:
            # Pillow's decoders raise these too for a damaged file.
            raise OSError(str(error)) from error


def shrink(image: Image.Image, size: int) -> np.ndarray:
    """The whole picture at the network's size, uint8 [size, size, 3].

    The picture is squeezed to a square rather than cropped, so no lesion near an edge is cut away and a class map
    lies over the whole photo.  Pillow's bilinear filter averages over the source area when it shrinks, so a soft
    small copy and a sharp large one come out alike.
    """
    if image.mode != "RGB":
        image = image.convert("RGB")
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8)


def model_units(pixels: np.ndarray) -> np.ndarray:
    """Pixels 0-255 of any shape to the units that EfficientNet-Lite was trained in, about -1 to 1, float32."""
    units = pixels.astype(np.float32)
    # In place: each further array of this size costs more than the arithmetic.
    units -= MEAN
    units /= SCALE
    return units


def prepare(image: Image.Image, size: int) -> np.ndarray:
    """An upright RGB photo as float32 [size, size, 3] in model units."""
    return model_units(shrink(image, size))
