"""PNG and WebP without metadata: chunks are dropped, pixels are not touched, what follows the end is cut.

Layouts: PNG third edition (W3C 2025) section 5, RFC 9649 (WebP) section 2.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

from cases.pixels import exif, profiles
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
_DEFLATED = b"\0"
_MOST_PROFILE_BYTES = 16 * 2**20
_PIECE = 2**20
# Channels by colour type, and the passes of Adam7 as (first column, first row, every so many columns, rows).
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_WHOLE = [(0, 0, 1, 1)]
_ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
_WEBP_KEPT = {b"VP8X", b"ALPH", b"VP8 ", b"VP8L"}
_WEBP_ICC_FLAG, _WEBP_EXIF_FLAG, _WEBP_XMP_FLAG, _WEBP_ANIMATION_FLAG = 0x20, 0x08, 0x04, 0x02


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
            if profile := _png_profile(payload):
                pixels.append(_png_chunk(kind, _ICC_NAME + _DEFLATED + zlib.compress(profile)))
        elif len(payload) <= _PNG_KEPT.get(kind, -1):
            pixels.append(_png_chunk(kind, payload))
    if orientation != 1:
        pixels.insert(1, _png_chunk(b"eXIf", exif.stating_only(orientation)))
    return b"".join([PNG_SIGNATURE, *pixels, _png_chunk(b"IEND", b"")]), orientation


def _png_profile(payload: bytes) -> bytes | None:
    """The profile of an iCCP chunk, which lies packed behind a name that programs make up."""
    _name, _end, rest = payload.partition(b"\0")
    try:
        return profiles.kept(zlib.decompressobj().decompress(rest[len(_DEFLATED) :], _MOST_PROFILE_BYTES))
    except zlib.error:
        return None


def png_cut_behind_pixels(data: bytes) -> bytes:
    """`data`, which `png_without_metadata` returned, without what its IDAT chunks hold behind the packed pixels.

    Unpacks all pixels, a piece at a time: for photos that have been decoded. Left as it is where the packed pixels are
    damaged, or more than the picture has.
    """
    chunks = list(_png_chunks(data))
    header = next(payload for kind, payload in chunks if kind == b"IHDR")
    stream, left, cut = zlib.decompressobj(), _png_raw_bytes(header), []
    for kind, payload in chunks:
        if kind != b"IDAT":
            cut.append((kind, payload))
        elif not stream.eof:
            try:
                left -= _unpacked_bytes(stream, payload, left)
            except zlib.error:
                return data
            if left < 0:
                # More than the picture has, with no end in sight.
                return data
            cut.append((kind, payload[: len(payload) - len(stream.unused_data)]))
    return b"".join([PNG_SIGNATURE, *(_png_chunk(*chunk) for chunk in cut), _png_chunk(b"IEND", b"")])


def _unpacked_bytes(stream: Any, packed: bytes, most: int) -> int:
    """How many bytes `stream` makes of `packed`; of more than `most` it has made no more than a piece more."""
    number = 0
    while packed and not stream.eof and number <= most:
        number += len(stream.decompress(packed, _PIECE))
        packed = stream.unconsumed_tail
    return number


def _png_raw_bytes(header: bytes) -> int:
    """How many bytes the pixels are unpacked, each row behind a byte for its filter (section 7)."""
    width, height, depth, colour, _packing, _filter, interlace = struct.unpack(">IIBBBBB", header)
    bits, raw = depth * _CHANNELS.get(colour, 4), 0
    for left, top, across, down in _ADAM7 if interlace else _WHOLE:
        columns, rows = max(0, -(-(width - left) // across)), max(0, -(-(height - top) // down))
        raw += rows * (1 + (columns * bits + 7) // 8) if columns else 0
    return raw


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
        elif kind == b"ICCP":
            if profile := profiles.kept(payload):
                kept.append((kind, profile))
        elif kind in _WEBP_KEPT:
            kept.append((kind, payload))
    if kept and kept[0][0] == b"VP8X":
        has_profile = any(kind == b"ICCP" for kind, _payload in kept)
        kept[0] = (b"VP8X", _webp_flags(kept[0][1], orientation, has_profile=has_profile))
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


def _webp_flags(header: bytes, orientation: int, *, has_profile: bool) -> bytes:
    if len(header) != 10:
        raise Damaged("the header has a wrong length")
    if header[0] & _WEBP_ANIMATION_FLAG:
        raise Animated
    flags = header[0] & ~(_WEBP_EXIF_FLAG | _WEBP_XMP_FLAG | (0 if has_profile else _WEBP_ICC_FLAG))
    return bytes([flags | (_WEBP_EXIF_FLAG if orientation != 1 else 0)]) + header[1:]


def _webp_chunk(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)
