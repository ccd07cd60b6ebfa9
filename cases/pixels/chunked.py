"""PNG and WebP without metadata: chunks are dropped, pixels are not touched, what follows the end is cut.

Layouts: PNG third edition (W3C 2025) section 5, RFC 9649 (WebP) section 2.
"""

import struct
import zlib
from collections.abc import Iterator

from cases.pixels import exif
from cases.pixels.errors import Animated, Damaged

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Pixels, palette, transparency and how colours are meant, with the most bytes that each can need.
_PNG_KEPT = {
    b"IHDR": 13,
    b"PLTE": 768,
    b"tRNS": 256,
    b"IDAT": 2**31,
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"cICP": 4,
    b"sBIT": 4,
    b"pHYs": 9,
}
_ICC_NAME = b"icc\0"
_WEBP_KEPT = {b"VP8X", b"ICCP", b"ALPH", b"VP8 ", b"VP8L"}
_WEBP_EXIF_FLAG, _WEBP_XMP_FLAG, _WEBP_ANIMATION_FLAG = 0x08, 0x04, 0x02


def png_without_metadata(data: bytes) -> tuple[bytes, int]:
    """`data` without metadata, and its orientation 1-8, which stays in the file unless it is 1.

    Raises:
        Damaged: a chunk breaks off, or there is no end.
        Animated: the file is an animated PNG.
    """
    pixels: list[bytes] = []
    orientation = 1
    for kind, payload in _png_chunks(data):
        if kind == b"acTL":
            raise Animated
        if kind == b"eXIf":
            orientation = exif.orientation(payload)
        elif kind == b"iCCP":
            # Behind a name that programs make up.
            pixels.append(_png_chunk(kind, _ICC_NAME + payload[payload.find(b"\0") + 1 :]))
        elif len(payload) <= _PNG_KEPT.get(kind, -1):
            pixels.append(_png_chunk(kind, payload))
    if orientation != 1:
        pixels.insert(1, _png_chunk(b"eXIf", exif.stating_only(orientation)))
    return b"".join([PNG_SIGNATURE, *pixels, _png_chunk(b"IEND", b"")]), orientation


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(PNG_SIGNATURE)
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            break
        if kind == b"IEND":
            return
        yield kind, data[position + 8 : end]
        position = end + 4
    raise Damaged("no end")


def _png_chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", len(payload), kind) + payload + struct.pack(">I", zlib.crc32(payload, zlib.crc32(kind)))


def webp_without_metadata(data: bytes) -> tuple[bytes, int]:
    """`data` without metadata, and its orientation 1-8, which stays in the file unless it is 1.

    Raises:
        Damaged: a chunk breaks off.
        Animated: the file is an animated WebP.
    """
    kept: list[tuple[bytes, bytes]] = []
    orientation = 1
    for kind, payload in _webp_chunks(data):
        if kind == b"EXIF":
            orientation = exif.orientation(payload.removeprefix(b"Exif\0\0"))
        elif kind in (b"ANIM", b"ANMF"):
            raise Animated
        elif kind in _WEBP_KEPT:
            kept.append((kind, payload))
    if kept and kept[0][0] == b"VP8X":
        kept[0] = (b"VP8X", _webp_flags(kept[0][1], orientation))
        if orientation != 1:
            kept.append((b"EXIF", exif.stating_only(orientation)))
    else:
        # Without the extended header there is no place for EXIF, and no reader looks for it.
        orientation = 1
    body = b"WEBP" + b"".join(_webp_chunk(kind, payload) for kind, payload in kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body, orientation


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    (size,) = struct.unpack_from("<I", data, 4)
    end, position = 8 + size, 12
    if end > len(data):
        raise Damaged("the file breaks off")
    while position + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, position)
        if position + 8 + length > end:
            raise Damaged("a chunk breaks off")
        yield kind, data[position + 8 : position + 8 + length]
        position += 8 + length + length % 2


def _webp_flags(header: bytes, orientation: int) -> bytes:
    if len(header) != 10:
        raise Damaged("the header has a wrong length")
    if header[0] & _WEBP_ANIMATION_FLAG:
        raise Animated
    flags = header[0] & ~(_WEBP_EXIF_FLAG | _WEBP_XMP_FLAG)
    return bytes([flags | (_WEBP_EXIF_FLAG if orientation != 1 else 0)]) + header[1:]


def _webp_chunk(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)
