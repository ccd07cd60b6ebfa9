"""Makers of photos as phones, scanners and faults make them; all pixels are drawn."""

import io
import struct
import zlib
from functools import cache

import pillow_heif
from PIL import Image, PngImagePlugin

from cases.pixels import chunked, drawing

# Words that must not survive; each kind of metadata carries its own.
SECRETS = [
    b"SECRET-EXIF",
    b"SECRET-XMP",
    b"SECRET-COMMENT",
    b"SECRET-IPTC",
    b"SECRET-TAIL",
    b"SECRET-TEXT",
    b"SECRET-JFXX",
    b"Exif\0\0II",
    b"http://ns.adobe.com",
    b"MPF\0",
    b"GPS-SECRET",
]


@cache
def drawn(width: int = 900, height: int = 700, seed: int = 3) -> Image.Image:
    return drawing.draw("NEV", seed=seed, width=width, height=height)


def exif_block(orientation: int = 1) -> bytes:
    """An EXIF block with names, a place and an embedded thumbnail, little endian as phones write it."""
    exif = Image.Exif()
    exif.endian = "<"
    exif[0x0112] = orientation
    exif[0x010F] = "SECRET-EXIF phone"
    exif[0x9286] = "SECRET-EXIF comment"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 30.0), 29: "GPS-SECRET"})
    return exif.tobytes()


def segment(code: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(payload) + 2) + payload


def as_jpeg(picture: Image.Image, **options: object) -> bytes:
    return drawing.jpeg(picture, **options)


def phone_jpeg(picture: Image.Image | None = None, *, orientation: int = 1, **options: object) -> bytes:
    """A JPEG with every kind of metadata, and a second picture and a note behind its end."""
    picture = picture or drawn()
    plain = as_jpeg(picture, **options)
    small = as_jpeg(picture.resize((160, 120)))
    told = b"".join(
        [
            segment(0xE0, b"JFXX\0\x10" + b"SECRET-JFXX" + small[:9000]),
            segment(0xE1, exif_block(orientation)),
            segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>SECRET-XMP</x:xmpmeta>"),
            segment(0xE2, b"MPF\0II*\0" + b"SECRET-XMP" * 3),
            segment(0xED, b"Photoshop 3.0\0" + b"SECRET-IPTC"),
            segment(0xFE, b"SECRET-COMMENT"),
        ]
    )
    # Behind SOI and JFIF's own segment, which Pillow always writes with 16 bytes.
    return plain[:20] + told + plain[20:] + small + b"SECRET-TAIL" * 50


def as_png(picture: Image.Image | None = None, **options: object) -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "SECRET-TEXT")
    text.add_itxt("XML:com.adobe.xmp", "SECRET-XMP")
    out = io.BytesIO()
    (picture or drawn()).save(out, "PNG", pnginfo=text, exif=options.pop("exif", exif_block()), **options)
    return out.getvalue() + b"SECRET-TAIL" * 20


def as_webp(picture: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (picture or drawn()).save(out, "WEBP", **{"exif": exif_block(), "xmp": b"SECRET-XMP", "quality": 90, **options})
    return out.getvalue() + b"SECRET-TAIL" * 20


def as_heic(picture: Image.Image | None = None, **options: object) -> bytes:
    heif = pillow_heif.from_pillow(picture or drawn())
    out = io.BytesIO()
    heif.save(out, quality=80, **{"exif": exif_block(), "xmp": b"SECRET-XMP", **options})
    return out.getvalue()


def heic_of(several: list[Image.Image]) -> bytes:
    """One file with several pictures, the first of them the main one."""
    heif = pillow_heif.HeifFile()
    for each in several:
        heif.add_from_pillow(each)
    out = io.BytesIO()
    heif.save(out, quality=80, primary_index=0)
    return out.getvalue()


@cache
def small_heic() -> bytes:
    """Small, because encoding HEIC takes seconds."""
    return as_heic(drawn(320, 240))


def bomb_png(width: int = 20_000, height: int = 10_000) -> bytes:
    """A valid PNG header and a little of its pixels: 200 megapixels in a few hundred bytes."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(100_000))),
        (b"IEND", b""),
    ]
    return chunked.PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))
        for kind, payload in chunks
    )
