"""From the bytes that were sent to what the record keeps: one decode for everything."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image, ImageCms

from cases.pixels import apart, chunked, decoding, jpeg, likeness, quality, remarks
from cases.pixels.decoding import FULL_COLOUR, UPRIGHT_SIDE, Decoded, Limits, Unfit, as_jpeg, shrunk
from cases.pixels.errors import Animated, Damaged, PhotoRefused, TooComplex

log = structlog.get_logger(__name__)

THUMBNAIL_SIDE = 320
_UPRIGHT_QUALITY, _THUMBNAIL_QUALITY = 92, 80
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
# The model's copy is scaled as truly as can be, the thumbnail at two thirds of the time.
_FOR_A_LOOK = Image.Resampling.HAMMING
_SRGB = ImageCms.createProfile("sRGB")


@dataclass(frozen=True)
class Format:
    """A file type that is taken."""

    pillow: str
    content_type: str
    extension: str
    # Drops metadata without touching pixels; None: the photo is converted to JPEG, once.
    strip: Callable[[bytes], tuple[bytes, int]] | None


JPEG = Format(decoding.JPEG, "image/jpeg", "jpg", jpeg.without_metadata)
PNG = Format("PNG", "image/png", "png", chunked.png_without_metadata)
WEBP = Format("WEBP", "image/webp", "webp", chunked.webp_without_metadata)
HEIC = Format(decoding.HEIF, "image/heic", "heic", None)
AVIF = Format(decoding.AVIF, "image/avif", "avif", None)
TIFF = Format(decoding.TIFF, "image/tiff", "tif", None)
BMP = Format(decoding.BMP, "image/bmp", "bmp", None)

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
    quality: dict[str, float]  # cases/pixels/quality.py
    remarks: list[str]  # cases/pixels/remarks.py
    look: int | None  # cases/pixels/likeness.py


def read(data: bytes, name: str, *, is_trusted: bool = True) -> Picture:
    """What is kept of the photo `data`; `name` is what its sender calls it.

    Args:
        is_trusted: a JPEG may be decoded in this process (suspects.py says which may not).

    Raises:
        PhotoRefused: not a picture, unsupported, animated, broken, too complex, too small, too large, or a strip.
    """
    form = sniff(data, name)
    try:
        clean, orientation = form.strip(data) if form.strip else (data, _UPRIGHT)
    except Animated as error:
        raise _animated(name) from error
    except Damaged as error:
        raise _broken(name) from error
    except TooComplex as error:
        raise _too_complex(name) from error
    decoded = _decoded(clean, form, name, here=form is JPEG and is_trusted and not jpeg.is_heavy(clean))
    if decoded.jpeg:
        clean, form = jpeg.without_metadata(decoded.jpeg)[0], JPEG
    elif form is PNG:
        # Only now is it known that its pixels may be unpacked.
        clean = chunked.png_cut_behind_pixels(clean)
    upright = _upright(decoded.picture, orientation)
    width, height = decoded.size if orientation in _KEEPS_SIDES else decoded.size[::-1]
    scores = quality.parts(upright, min(width, height))
    return Picture(
        original=clean,
        content_type=form.content_type,
        extension=form.extension,
        upright=as_jpeg(upright, quality=_UPRIGHT_QUALITY, subsampling=FULL_COLOUR),
        thumbnail=as_jpeg(shrunk(upright, THUMBNAIL_SIDE, _FOR_A_LOOK), quality=_THUMBNAIL_QUALITY),
        width=width,
        height=height,
        quality=scores,
        remarks=remarks.of_quality(scores, min(width, height)) + ["several_pictures"] * decoded.several,
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


def _decoded(data: bytes, form: Format, name: str, *, here: bool) -> Decoded:
    """The pixels, decoded here or in a process of their own (apart.py says why)."""
    decode = decoding.decoded if here else apart.decoded
    limits = Limits(settings.PHOTO_MAX_PIXELS, settings.PHOTO_MIN_SIDE)
    try:
        return decode(data, form.pillow, limits)
    except Unfit as unfit:
        if unfit.code == "broken":
            log.info("photo_undecodable", format=form.pillow, error=type(unfit.__cause__).__name__)
        raise _unfit(unfit, name) from unfit
    except apart.Lost as lost:
        log.warning("decoder_lost", format=form.pillow, how=str(lost))
        raise (_too_complex if isinstance(lost, apart.Exhausted) else _broken)(name) from lost


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    """The model's copy: scaled, sRGB, turned; in this order, because each step is cheaper on fewer pixels."""
    small = _in_srgb(shrunk(picture, UPRIGHT_SIDE), picture.info.get("icc_profile"))
    turn = _TURNS.get(orientation)
    return small if turn is None else small.transpose(turn)


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


def _too_complex(name: str) -> PhotoRefused:
    """Sending it again would end the same way."""
    return PhotoRefused(
        _(
            "“%(name)s” is too complex to be opened here. "
            "Open it in a photo program, save it anew as an ordinary JPEG, and send that."
        )
        % {"name": name},
        "too_complex",
    )


def _unfit(unfit: Unfit, name: str) -> PhotoRefused:
    """In a sentence."""
    if unfit.code == "raw":
        return _unsupported(name, _("a raw photo"))
    if unfit.code == "animated":
        return _animated(name)
    if unfit.code == "too_complex":
        return _too_complex(name)
    if unfit.code == "too_many_pixels":
        return _too_many_pixels(name)
    width, height = unfit.size
    if unfit.code == "too_small":
        return PhotoRefused(
            _(
                "“%(name)s” is too small: %(width)s × %(height)s pixels, and the shorter side needs %(least)s. "
                "Send the photo as the camera took it."
            )
            % {"name": name, "width": width, "height": height, "least": settings.PHOTO_MIN_SIDE},
            unfit.code,
        )
    if unfit.code == "strip":
        return PhotoRefused(
            _("“%(name)s” is a long strip: %(width)s × %(height)s pixels. Send a photo of the lesion.")
            % {"name": name, "width": width, "height": height},
            unfit.code,
        )
    return _broken(name)


def _too_many_pixels(name: str) -> PhotoRefused:
    return PhotoRefused(
        _("“%(name)s” has more than %(most)s megapixels. Send a smaller copy.")
        % {"name": name, "most": settings.PHOTO_MAX_PIXELS // 1_000_000},
        "too_many_pixels",
    )
