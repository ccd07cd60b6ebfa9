"""From bytes to pixels. Knows no Django, so that it starts quickly in a process of its own (apart.py).

Limits are judged by the header alone, before a single pixel is decoded, so that a small file that unfolds into
gigabytes is refused for the price of its header.
"""

import io
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageOps

JPEG, HEIF, AVIF, TIFF, BMP = "JPEG", "HEIF", "AVIF", "TIFF", "BMP"  # as Pillow calls them
# Not kept as they come, but converted to JPEG, once.
_CONVERTED = {HEIF, AVIF, TIFF, BMP}
# Cameras write their raw formats as TIFF with other pictures beside a small one: the tags for these, and DNG's version.
_RAW_TAGS = {330, 50706}
# Short side of the upright copy in pixels: twice what networks of 224-260 px look at.
UPRIGHT_SIDE = 512
# A strip is no photo of a lesion, and its upright copy would be as long as it is.
MOST_ELONGATED = 6
FULL_COLOUR = "4:4:4"
_CONVERTED_QUALITY = 95


@dataclass(frozen=True)
class Limits:
    """Of one photo."""

    most_pixels: int
    least_side: int


class Unfit(Exception):
    """The photo cannot be taken.

    `code` says why: broken, too_complex, raw, animated, too_many_pixels, too_small, strip.
    """

    def __init__(self, code: str, size: tuple[int, int] = (0, 0)) -> None:
        super().__init__(code)
        self.code, self.size = code, size


@dataclass(frozen=True)
class Decoded:
    """The pixels of one photo, as its decoder gives them."""

    # Mode L, RGB or CMYK, with the colour profile in `info`; of a large photo only as many as the upright copy needs.
    picture: Image.Image
    size: tuple[int, int]  # width and height that the file states
    several: bool  # the file holds further pictures
    jpeg: bytes | None  # the whole photo as JPEG, of a format that is not kept


def decoded(data: bytes, form: str, limits: Limits) -> Decoded:
    """The pixels of the photo `data` in Pillow's format `form`.

    Raises:
        Unfit: it is broken or beyond `limits`.
    """
    with _opened(data, form) as file:
        _check(file.size, limits)
        several = _has_several(file, form)
        stated = file.size
        try:
            if form == JPEG:
                # Four times as fast as decoding all of it.
                file.draft(None, (UPRIGHT_SIDE, UPRIGHT_SIDE))
            file.load()
            if form in _CONVERTED:
                ImageOps.exif_transpose(file, in_place=True)
            picture = _eight_bit(file)
        except MemoryError:
            raise
        except Exception as error:
            raise Unfit("broken") from error
    if form in _CONVERTED:
        # Upright by now.
        return Decoded(picture, picture.size, several, _converted(picture))
    return Decoded(picture, stated, several, None)


def shrunk(picture: Image.Image, short_side: int, how: Image.Resampling = Image.Resampling.BICUBIC) -> Image.Image:
    """`picture` with its shorter side at most `short_side`; never enlarged."""
    scale = short_side / min(picture.size)
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, how, reducing_gap=2.0)


def as_jpeg(picture: Image.Image, **options: Any) -> bytes:
    """`picture` without metadata."""
    out = io.BytesIO()
    # Pillow would otherwise write the comment and the profile that the source brought along.
    kept, picture.info = picture.info, {}
    picture.save(out, "JPEG", **options)
    picture.info = kept
    return out.getvalue()


def _opened(data: bytes, form: str) -> Image.Image:
    """The file with its header read and nothing decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data), formats=[form])
    except Image.DecompressionBombError as error:
        raise Unfit("too_many_pixels") from error
    except MemoryError:
        raise
    except Exception as error:
        # Decoders let errors of a dozen kinds through for damaged files; each means the same here.
        raise Unfit("broken") from error


def _has_several(file: Image.Image, form: str) -> bool:
    """Whether the file holds more pictures than the main one, of which alone is taken; nothing is decoded.

    Raises:
        Unfit: it is a raw file, whose first picture is a small preview, or animated.
    """
    if form == TIFF:
        if _RAW_TAGS & set(file.tag_v2):  # type: ignore[attr-defined]
            raise Unfit("raw")
        # Counting them all would walk through as many as somebody has put in.
        try:
            file.seek(1)
        except EOFError:
            return False
        file.seek(0)
        return True
    several = getattr(file, "n_frames", 1) > 1
    if several and form == AVIF:
        raise Unfit("animated")
    return several


def _check(size: tuple[int, int], limits: Limits) -> None:
    short, long = sorted(size)
    if short * long > limits.most_pixels:
        raise Unfit("too_many_pixels")
    if short < limits.least_side:
        raise Unfit("too_small", size)
    if long > short * MOST_ELONGATED:
        raise Unfit("strip", size)


def _eight_bit(picture: Image.Image) -> Image.Image:
    """In a mode that can be scaled and that colour profiles know: L, RGB or CMYK; transparency lies on white."""
    if picture.mode.startswith(("I", "F")):
        # 16 bit a pixel: Pillow would clip instead of scale.
        grey = np.asarray(picture).astype(np.float32) / 257
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8))
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        white.alpha_composite(layer)
        flat = white.convert("RGB")
    else:
        flat = picture if picture.mode in ("L", "RGB", "CMYK") else picture.convert("RGB")
    flat.info["icc_profile"] = picture.info.get("icc_profile")
    return flat


def _converted(picture: Image.Image) -> bytes:
    """A photo that is not kept as it came, as JPEG, once; its colour profile stays."""
    return as_jpeg(
        picture if picture.mode in ("L", "RGB") else picture.convert("RGB"),
        quality=_CONVERTED_QUALITY,
        subsampling=FULL_COLOUR,
        icc_profile=picture.info.get("icc_profile"),
    )
