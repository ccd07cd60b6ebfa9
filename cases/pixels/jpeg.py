"""A JPEG without what it tells about the patient, the place and the phone; its pixels are not touched.

Marker layout: ITU-T T.81 annex B. What may follow the end marker (second pictures, videos, notes) is cut.
"""

import re
import struct

from cases.pixels import exif, profiles
from cases.pixels.errors import Damaged, TooComplex

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_SOS = 0xDA
_DQT = 0xDB
# Tables, frame headers, scans: everything that decoding needs. Neither APPn, COM, the reserved JPGn, nor what no
# decoder looks at: DNL (a height of 0 in the header is refused anyhow), and DHP and EXP of hierarchical pictures.
_DECODING = {*range(0xC0, 0xD0), _SOS, _DQT, 0xDD} - {0xC8}
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
# A marker with content, or the end. Between segments fill bytes and stray ones are skipped; within a scan FF00 is a
# stuffed FF and FFD0-FFD7 are restart markers, both part of the pixels.
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")
# Each scan of a progressive picture passes over all pixels, so a small file with thousands would keep the decoder busy
# for minutes. Encoders write 10 to 30.
MOST_SCANS = 100
# Frame headers, and of these the progressive ones (T.81 table B.1).
_FRAMES, _PROGRESSIVE = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}, {0xC2, 0xC6, 0xCA, 0xCE}
# Of a photo in several scans a decoder keeps all coefficients, up to 6 bytes a pixel, however small a picture is asked
# of it; each scan costs about 1 ns a pixel. Phones' photos have 12 megapixels and 10 scans.
_LIGHT_PIXELS, _LIGHT_PIXEL_SCANS = 25_000_000, 400_000_000
_PROFILE = b"ICC_PROFILE\0"  # then the part's number and how many there are (ICC.1:2022 annex B.4)
_PROFILE_PART_BYTES = 65_535 - 2 - len(_PROFILE) - 2
_JFIF_BYTES = 14  # without the thumbnail that may follow
_ADOBE_BYTES = 12


def without_metadata(data: bytes) -> tuple[bytes, int]:
    """`data` without metadata, and its orientation 1-8, which stays in the file unless it is 1.

    Kept: the pixels as they are with the tables that they name, an ICC profile that is one, JFIF's and Adobe's notes on
    colours.

    Raises:
        Damaged: `data` is no JPEG, a segment reaches beyond its end, or there is no end marker: something is missing
            then, and what hangs on behind could not be told from pixels.
        TooComplex: there are more than MOST_SCANS scans.
    """
    if not data.startswith(_SOI):
        raise Damaged("no start marker")
    # The scans are most of the file: they are looked at where they lie and copied once, when all is joined.
    pixels = memoryview(data)
    kept: list[bytes | memoryview] = []
    # Known to be wanted only when all is read: quantization tables by their place in `kept`, the parts of a profile.
    tables, named_tables, profile, profile_at = {}, set[int](), list[bytes](), 0
    orientation, position, in_scan, scans = 1, len(_SOI), False, 0
    while found := _MARKER.search(data, position):
        if in_scan:
            kept.append(pixels[position : found.start()])
        code = data[found.start() + 1]
        position = found.end()
        if code == _EOI[1]:
            kept.append(_EOI)
            break
        if code == _SOI[1]:
            continue
        payload = _payload(data, position)
        position += 2 + len(payload)
        in_scan = code == _SOS
        scans += in_scan
        if scans > MOST_SCANS:
            raise TooComplex("too many scans")
        if code == _APP1 and payload.startswith(b"Exif\0\0") and orientation == 1:
            orientation = exif.orientation(payload[6:])
        if code in _FRAMES:
            named_tables.update(payload[8::3])
        if code == _DQT:
            tables[len(kept)] = payload
        if code == _APP2 and payload.startswith(_PROFILE):
            profile_at = profile_at or len(kept)
            profile.append(payload)
        payload_kept = _kept(code, payload)
        if payload_kept is not None:
            kept.append(_segment(code, payload_kept))
    else:
        raise Damaged("no end marker")
    for place, payload in tables.items():
        kept[place] = _named_tables(payload, named_tables)
    kept[profile_at:profile_at] = _profile_segments(profile)
    head: list[bytes | memoryview] = [_SOI]
    if kept[0][1:2] == bytes([_APP0]):
        # JFIF asks to be the first segment.
        head.append(kept.pop(0))
    if orientation != 1:
        head.append(_segment(_APP1, b"Exif\0\0" + exif.stating_only(orientation)))
    return b"".join(head + kept), orientation


def is_heavy(data: bytes) -> bool:
    """Whether decoding takes more memory or time than a process that serves others should give.

    `data` is what `without_metadata` returned.
    """
    position, pixels, components, is_progressive = len(_SOI), 0, 0, False
    while (code := data[position + 1]) != _EOI[1]:
        payload = _payload(data, position + 2)
        if code in _FRAMES and len(payload) >= 6:
            height, width = struct.unpack_from(">HH", payload, 1)
            pixels, components = max(pixels, height * width), max(components, payload[5])
            is_progressive = is_progressive or code in _PROGRESSIVE
        if code == _SOS:
            # A photo that is not progressive may come colour by colour.
            in_one_scan = not is_progressive and payload[:1] == bytes([components])
            # Within pixels FF is followed by 00, so that no scan is missed; a table may hold the two bytes by chance.
            scans = data.count(bytes([0xFF, _SOS]), position)
            return not in_one_scan and (pixels > _LIGHT_PIXELS or pixels * scans > _LIGHT_PIXEL_SCANS)
        position += 4 + len(payload)
    return False


def _payload(data: bytes, position: int) -> bytes:
    """The content of the segment whose length field stands at `position`."""
    if position + 2 > len(data):
        raise Damaged("a segment breaks off")
    (length,) = struct.unpack_from(">H", data, position)
    if length < 2 or position + length > len(data):
        raise Damaged("a segment reaches beyond the end")
    return data[position + 2 : position + length]


def _kept(code: int, payload: bytes) -> bytes | None:
    """What of a segment's content stays; None drops the segment."""
    if code in _DECODING:
        return payload
    if code == _APP0 and payload.startswith(b"JFIF\0") and len(payload) >= _JFIF_BYTES:
        return payload[: _JFIF_BYTES - 2] + b"\0\0"
    if code == _APP14 and payload.startswith(b"Adobe") and len(payload) >= _ADOBE_BYTES:
        return payload[:_ADOBE_BYTES]
    return None


def _named_tables(payload: bytes, named: set[int]) -> bytes:
    """A DQT segment with those of its tables alone that a frame names; empty where there is none."""
    tables, position = [], 0
    while position < len(payload):
        size = 1 + (128 if payload[position] >> 4 else 64)
        if payload[position] & 0x0F in named:
            tables.append(payload[position : position + size])
        position += size
    return _segment(_DQT, b"".join(tables)) if tables else b""


def _profile_segments(parts: list[bytes]) -> list[bytes]:
    """The profile whose parts these are, in segments; none where it is none."""
    start = len(_PROFILE) + 2
    parts = sorted(part for part in parts if len(part) > start)
    if not parts or parts[0][start - 1] != len(parts):
        return []
    whole = profiles.kept(b"".join(part[start:] for part in parts)) or b""
    pieces = [whole[at : at + _PROFILE_PART_BYTES] for at in range(0, len(whole), _PROFILE_PART_BYTES)]
    return [
        _segment(_APP2, _PROFILE + bytes([number, len(pieces)]) + piece) for number, piece in enumerate(pieces, start=1)
    ]


def _segment(code: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(payload) + 2) + payload
