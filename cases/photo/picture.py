"""From the bytes that were sent to what the record keeps: one decode for everything.

Order matters: type and limits are judged by the header alone, before a single pixel is decoded, so that a small file
that unfolds into gigabytes is refused for the price of its header.
"""

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image, ImageCms, ImageOps
from pillow_heif import register_heif_opener

from cases.photo import chunked, jpeg, likeness, quality, remarks
from cases.photo.errors import Animated, Damaged, PhotoRefused

log = structlog.get_logger(__name__)
register_heif_opener(thumbnails=False)

# Short side of the upright copy in pixels: twice what networks of 224-260 px look at.
UPRIGHT_SIDE = 512
THUMBNAIL_SIDE = 320
# A strip is no photo of a lesion, and its upright copy would be as long as it is.
MOST_ELONGATED = 6
_UPRIGHT_QUALITY, _THUMBNAIL_QUALITY, _CONVERTED_QUALITY = 92, 80, 95
_FULL_COLOUR = "4:4:4"
_UPRIGHT = 1
# What EXIF orientation asks for, and which values leave width and height where they are.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_KEEPS_SIDES = {1, 2, 3, 4}
# How copies are scaled: the model's as truly as can be, the thumbnail at two thirds of the time.
_FOR_THE_MODEL, _FOR_A_LOOK = Image.Resampling.BICUBIC, Image.Resampling.HAMMING
_SRGB = ImageCms.createProfile("sRGB")


@dataclass(frozen=True)
class Format:
    """A file type that is taken."""

    pillow: str
    content_type: str
    extension: str
    # Drops metadata without touching pixels; None: the photo is converted to JPEG, once.
    strip: Callable[[bytes], tuple[bytes, int]] | None


JPEG = Format("JPEG", "image/jpeg", "jpg", jpeg.without_metadata)
PNG = Format("PNG", "image/png", "png", chunked.png_without_metadata)
WEBP = Format("WEBP", "image/webp", "webp", chunked.webp_without_metadata)
HEIC = Format("HEIF", "image/heic", "heic", None)
AVIF = Format("AVIF", "image/avif", "avif", None)
TIFF = Format("TIFF", "image/tiff", "tif", None)
BMP = Format("BMP", "image/bmp", "bmp", None)

# Cameras write their raw formats as TIFF with other pictures beside a small one: the tags for these, and DNG's version.
_RAW_TAGS = {330, 50706}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
# Pictures and documents that people do send; naming them makes the refusal clear.
_UNSUPPORTED = [
    (b"GIF8", "GIF"),
    (b"%PDF", "PDF"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
]


@dataclass(frozen=True)
class Picture:
    """What the record keeps of one photo."""

    original: bytes
    content_type: str
    extension: str
    upright: bytes  # JPEG, sRGB, no metadata, short side at most UPRIGHT_SIDE
    thumbnail: bytes  # JPEG, sRGB, no metadata, short side at most THUMBNAIL_SIDE
    width: int  # of the original, upright
    height: int
    quality: dict[str, float]  # cases/photo/quality.py
    remarks: list[str]  # cases/photo/remarks.py
    look: int | None  # cases/photo/likeness.py


def read(data: bytes, name: str) -> Picture:
    """What is kept of the photo `data`; `name` is what its sender calls it.

    Raises:
        PhotoRefused: not a picture, unsupported, animated, broken, too small, too large, or a strip.
    """
    form = sniff(data, name)
    try:
        clean, orientation = form.strip(data) if form.strip else (data, _UPRIGHT)
    except Animated as error:
        raise _animated(name) from error
    except Damaged as error:
        raise _broken(name) from error
    with _open(clean, form, name) as file:
        stated_size = file.size
        _check_size(stated_size, name)
        several = _has_several(file, form, name)
        picture = _decode(file, form, name)
    if form.strip is None:
        # Decoding has turned it upright already.
        stated_size, clean, form = picture.size, _converted(picture), JPEG
    upright = _upright(picture, orientation)
    width, height = stated_size if orientation in _KEEPS_SIDES else stated_size[::-1]
    scores = quality.parts(upright, min(width, height))
    return Picture(
        original=clean,
        content_type=form.content_type,
        extension=form.extension,
        upright=_as_jpeg(upright, quality=_UPRIGHT_QUALITY, subsampling=_FULL_COLOUR),
        thumbnail=_as_jpeg(_shrunk(upright, THUMBNAIL_SIDE, _FOR_A_LOOK), quality=_THUMBNAIL_QUALITY),
        width=width,
        height=height,
        quality=scores,
        remarks=remarks.of_quality(scores, min(width, height)) + ["several_pictures"] * several,
        look=likeness.look(upright),
    )


def sniff(data: bytes, name: str) -> Format:
    """The type that the content shows, whatever the name or the sender's header says.

    Raises:
        PhotoRefused: empty, not a picture, or a type that is not taken.
    """
    if not data:
        raise PhotoRefused(_("“%(name)s” is empty. Choose the photo again.") % {"name": name}, "empty")
    if data.startswith(b"\xff\xd8\xff"):
        return JPEG
    if data.startswith(chunked.PNG_SIGNATURE):
        return PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS:
        return HEIC
    if data[4:12] == b"ftypavif":
        return AVIF
    if data[:4] in (b"II*\0", b"MM\0*"):
        return TIFF
    if data[:2] == b"BM":
        return BMP
    for start, kind in _UNSUPPORTED:
        if data.startswith(start):
            raise _unsupported(name, kind)
    if data[4:8] == b"ftyp":
        raise _unsupported(name, _("a video"))
    raise PhotoRefused(
        _("“%(name)s” is not a picture. Send a photo as JPEG, PNG, WebP, HEIC or TIFF.") % {"name": name},
        "not_a_picture",
    )


def _open(data: bytes, form: Format, name: str) -> Image.Image:
    """The file with its header read and nothing decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data), formats=[form.pillow])
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(name) from error
    except MemoryError:
        raise
    except Exception as error:
        # Decoders let errors of a dozen kinds through for damaged files; each means the same here.
        raise _broken(name) from error


def _has_several(file: Image.Image, form: Format, name: str) -> bool:
    """Whether the file holds more pictures than the main one, of which alone is taken; nothing is decoded.

    Raises:
        PhotoRefused: it is a raw file, whose first picture is a small preview, or animated.
    """
    if form is TIFF:
        if _RAW_TAGS & set(file.tag_v2):  # type: ignore[attr-defined]
            raise _unsupported(name, _("a raw photo"))
        # Counting them all would walk through as many as somebody has put in.
        try:
            file.seek(1)
        except EOFError:
            return False
        file.seek(0)
        return True
    several = getattr(file, "n_frames", 1) > 1
    if several and form is AVIF:
        raise _animated(name)
    return several


def _check_size(size: tuple[int, int], name: str) -> None:
    short, long = sorted(size)
    if short * long > settings.PHOTO_MAX_PIXELS:
        raise _too_many_pixels(name)
    if short < settings.PHOTO_MIN_SIDE:
        raise PhotoRefused(
            _(
                "“%(name)s” is too small: %(width)s × %(height)s pixels, and the shorter side needs %(least)s. "
                "Send the photo as the camera took it."
            )
            % {"name": name, "width": size[0], "height": size[1], "least": settings.PHOTO_MIN_SIDE},
            "too_small",
        )
    if long > short * MOST_ELONGATED:
        raise PhotoRefused(
            _("“%(name)s” is a long strip: %(width)s × %(height)s pixels. Send a photo of the lesion.")
            % {"name": name, "width": size[0], "height": size[1]},
            "strip",
        )


def _decode(file: Image.Image, form: Format, name: str) -> Image.Image:
    """The pixels; of a large JPEG only as many as the upright copy needs, which is four times as fast."""
    try:
        if form is JPEG:
            file.draft(None, (UPRIGHT_SIDE, UPRIGHT_SIDE))
        file.load()
        if form.strip is None:
            ImageOps.exif_transpose(file, in_place=True)
        return _eight_bit(file)
    except MemoryError:
        raise
    except Exception as error:
        log.info("photo_undecodable", format=form.pillow, error=type(error).__name__)
        raise _broken(name) from error


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


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    """The model's copy: scaled, sRGB, turned; in this order, because each step is cheaper on fewer pixels."""
    small = _in_srgb(_shrunk(picture, UPRIGHT_SIDE, _FOR_THE_MODEL), picture.info.get("icc_profile"))
    turn = _TURNS.get(orientation)
    return small if turn is None else small.transpose(turn)


def _shrunk(picture: Image.Image, short_side: int, how: Image.Resampling) -> Image.Image:
    """`picture` with its shorter side at most `short_side`; never enlarged."""
    scale = short_side / min(picture.size)
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, how, reducing_gap=2.0)


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, _SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            log.info("colour_profile_unusable")
        else:
            if converted is not None:
                return converted
    return picture.convert("RGB")


def _converted(picture: Image.Image) -> bytes:
    """A photo that is not kept as it came, as JPEG, once; its colour profile stays."""
    return _as_jpeg(
        picture if picture.mode in ("L", "RGB") else picture.convert("RGB"),
        quality=_CONVERTED_QUALITY,
        subsampling=_FULL_COLOUR,
        icc_profile=picture.info.get("icc_profile"),
    )


def _as_jpeg(picture: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    # Pillow would otherwise write the comment and the profile that the source brought along.
    picture.info = {}
    picture.save(out, "JPEG", **options)
    return out.getvalue()


def _unsupported(name: str, kind: str) -> PhotoRefused:
    return PhotoRefused(
        _("“%(name)s” is %(kind)s, which is not taken. Send it as JPEG, PNG, WebP, HEIC or TIFF.")
        % {"name": name, "kind": kind},
        "unsupported_type",
    )


def _animated(name: str) -> PhotoRefused:
    return PhotoRefused(
        _("“%(name)s” is animated. Send a single photo as JPEG, PNG, WebP, HEIC or TIFF.") % {"name": name}, "animated"
    )


def _broken(name: str) -> PhotoRefused:
    return PhotoRefused(
        _("“%(name)s” is broken or incomplete. Send it again, or take the photo again.") % {"name": name}, "broken"
    )


def _too_many_pixels(name: str) -> PhotoRefused:
    return PhotoRefused(
        _("“%(name)s” has more than %(most)s megapixels. Send a smaller copy.")
        % {"name": name, "most": settings.PHOTO_MAX_PIXELS // 1_000_000},
        "too_many_pixels",
    )
