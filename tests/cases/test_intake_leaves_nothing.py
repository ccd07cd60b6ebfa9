"""Wherever a photo can carry words, pictures or places beside its pixels, nothing of them is in any stored file.

Two ways of looking, for a word can be compressed or split: the word itself, and that each stored file consists of
nothing but the parts that pixels and colours need.
"""

import io
import struct
import zlib
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from cases.pixels import exif, picture
from cases.pixels.errors import PhotoRefused
from tests.cases import pictures

WORD = b"Zzyzx-1913"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
often = settings(max_examples=25, deadline=None)


@pytest.fixture(scope="module", autouse=True)
def _drawn_once():
    pictures.drawn(320, 240)


# --- What a stored file may consist of ----------------------------------------------------------------------------


def jpeg_parts(data: bytes) -> list[int]:
    """Marker codes up to the end marker, which must be the end; application segments must be those that are known."""
    assert data.startswith(b"\xff\xd8")
    codes, position = [], 2
    while True:
        assert data[position] == 0xFF
        code = data[position + 1]
        codes.append(code)
        if code == 0xD9:
            assert position + 2 == len(data)
            return codes
        (length,) = struct.unpack_from(">H", data, position + 2)
        payload = data[position + 4 : position + 2 + length]
        if code == 0xE0:
            assert (payload[:5], len(payload), payload[12:]) == (b"JFIF\0", 14, b"\0\0")
        elif code == 0xE1:
            assert payload[:6] == b"Exif\0\0"
            assert payload[6:] in [exif.stating_only(number) for number in range(2, 9)]
        elif code == 0xE2:
            assert payload == b"ICC_PROFILE\0\1\1" + PROFILE
        elif code == 0xEE:
            assert (payload[:5], len(payload)) == (b"Adobe", 12)
        else:
            assert code in {*range(0xC0, 0xDC), 0xDD}, f"segment {code:x}"
        position += 2 + length
        if code == 0xDA:
            while data[position] != 0xFF or data[position + 1] in (0, *range(0xD0, 0xD8)):
                position += 1


def png_parts(data: bytes) -> set[bytes]:
    kinds, position = [], 8
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        payload = data[position + 8 : position + 8 + length]
        if kind == b"eXIf":
            assert payload in [exif.stating_only(number) for number in range(2, 9)]
        if kind == b"iCCP":
            assert payload.startswith(b"icc\0")
        kinds.append(kind)
        position += 12 + length
    assert (kinds[-1], position) == (b"IEND", len(data))
    return set(kinds)


def webp_parts(data: bytes) -> set[bytes]:
    assert struct.unpack_from("<I", data, 4)[0] + 8 == len(data)
    kinds, position = set(), 12
    while position < len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        if kind == b"EXIF":
            assert data[position + 8 : position + 8 + length] in [exif.stating_only(number) for number in range(2, 9)]
        kinds.add(kind)
        position += 8 + length + length % 2
    return kinds


PNG_ALLOWED = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT"}
PNG_ALLOWED |= {b"pHYs", b"eXIf"}
WEBP_ALLOWED = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ICCP", b"EXIF"}


def check(sent: bytes, *, word: bytes = WORD) -> picture.Picture:
    kept = picture.read(sent, "photo")
    for data in (kept.original, kept.upright, kept.thumbnail):
        assert word not in data
        # Nor in what a program would unpack.
        assert word not in repr(Image.open(io.BytesIO(data)).info).encode()
    for copy in (kept.upright, kept.thumbnail):
        assert {0xE1, 0xE2, 0xED, 0xFE}.isdisjoint(jpeg_parts(copy))
    if kept.content_type == "image/jpeg":
        jpeg_parts(kept.original)
    elif kept.content_type == "image/png":
        assert png_parts(kept.original) <= PNG_ALLOWED
    else:
        assert webp_parts(kept.original) <= WEBP_ALLOWED
    return kept


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


# --- JPEG ---------------------------------------------------------------------------------------------------------


def told_exif(orientation: int, word: bytes = WORD) -> bytes:
    """Exif with a name in each directory, a place, a maker's note and an embedded thumbnail."""
    block = Image.Exif()
    block.endian = "<"
    block[0x0112] = orientation
    for tag in (0x010E, 0x010F, 0x0110, 0x0131, 0x013B, 0x8298, 0x9C9B, 0xA430, 0xA431):
        block[tag] = word
    block.get_ifd(0x8769).update({0x9286: b"ASCII\0\0\0" + word, 0x927C: word * 9, 0x9003: word.decode()})
    block.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 30.0), 3: "E", 4: (16.0, 22.0, 0.0), 29: word.decode()})
    small = pictures.as_jpeg(pictures.drawn(160, 120))
    return block.tobytes() + word + small


SEGMENTS: dict[str, Callable[[bytes], bytes]] = {
    "exif": lambda word: pictures.segment(0xE1, told_exif(6, word)[:60_000]),
    "xmp": lambda word: pictures.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + word),
    "extended xmp": lambda word: pictures.segment(
        0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", len(word), 0) + word
    ),
    "iptc in photoshop": lambda word: pictures.segment(
        0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(word) + 5) + b"\x1c\x02\x69\0\x0a" + word
    ),
    "photoshop thumbnail": lambda word: pictures.segment(0xED, b"Photoshop 3.0\x008BIM\x04\x0c\0\0\0\0\0\x0a" + word),
    "comment": lambda word: pictures.segment(0xFE, word),
    "multi-picture index": lambda word: pictures.segment(0xE2, b"MPF\0II*\0" + word),
    "flashpix": lambda word: pictures.segment(0xE2, b"FPXR\0" + word),
    "jfif thumbnail": lambda word: pictures.segment(0xE0, b"JFXX\0\x10" + word),
    "ducky": lambda word: pictures.segment(0xEC, b"Ducky" + word),
    "jumbf": lambda word: pictures.segment(0xEB, b"JP\0\1" + word),
    "samsung, huawei and others": lambda word: b"".join(
        pictures.segment(code, word) for code in range(0xE3, 0xF0) if code != 0xEE
    ),
    "adobe's note, lengthened": lambda word: pictures.segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01" + word),
    "number of lines, lengthened": lambda word: pictures.segment(0xDC, b"\0\xf0" + word),
    "hierarchical": lambda word: pictures.segment(0xDE, word) + pictures.segment(0xDF, word),
    "a table that no colour names": lambda word: pictures.segment(0xDB, b"\3" + word.ljust(64, b"\1")),
    "reserved": lambda word: b"".join(pictures.segment(code, word) for code in (0xF0, 0xF7, 0xFD)),
}


@pytest.fixture(scope="module")
def plain() -> bytes:
    return pictures.as_jpeg(pictures.drawn(320, 240), icc_profile=PROFILE)


@pytest.mark.parametrize("name", SEGMENTS)
def test_a_jpeg_segment(plain, name):
    told = SEGMENTS[name](WORD)
    assert WORD in told
    kept = check(plain[:20] + told + plain[20:])
    if name == "exif":
        assert Image.open(io.BytesIO(kept.original)).getexif()[0x0112] == 6
    elif name == "adobe's note, lengthened":
        assert len(kept.original) == len(plain) + 4 + 12
    else:
        assert kept.original == plain  # not one bit of it recompressed
    assert np.array_equal(pixels(kept.original), pixels(plain))
    assert Image.open(io.BytesIO(kept.original)).info["icc_profile"] == PROFILE


@often
@given(
    names=some.lists(some.sampled_from(sorted(SEGMENTS)), max_size=6),
    word=some.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=9, max_size=40).map(str.encode),
    tail=some.one_of(some.binary(max_size=60), some.just(b"\xff\xd8\xff\xe1"), some.just(b"\xff\xd9")),
    progressive=some.booleans(),
)
def test_any_segments_anywhere_and_anything_behind_the_end(names, word, tail, progressive):
    data = pictures.as_jpeg(pictures.drawn(320, 240), progressive=progressive, icc_profile=PROFILE)
    # In front of each of the picture's own segments in turn, and between a progressive picture's scans.
    places = [
        found for found in range(20, len(data) - 1) if data[found] == 0xFF and data[found + 1] in (0xDB, 0xC4, 0xDA)
    ]
    told = data
    for number, name in enumerate(names):
        place = places[-1 - number % len(places)]
        told = told[:place] + SEGMENTS[name](word) + told[place:]
    kept = check(told + tail + word + pictures.as_jpeg(pictures.drawn(160, 120)), word=word)
    assert np.array_equal(pixels(kept.original), pixels(data))


@pytest.mark.parametrize(
    "profile", [WORD * 99, bytes(132) + WORD, PROFILE[:36] + b"nope" + PROFILE[40:] + WORD, PROFILE + WORD]
)
def test_no_profile_and_what_hangs_on_behind_one_are_cut_in_every_format(profile):
    drawn = pictures.drawn(320, 240)
    whole = PROFILE if profile.startswith(PROFILE) else None
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        out = io.BytesIO()
        drawn.save(out, kind, icc_profile=profile)
        kept = check(out.getvalue())
        opened = Image.open(io.BytesIO(kept.original))
        assert opened.info.get("icc_profile") == whole
        if kind not in ("TIFF", "AVIF"):
            assert np.array_equal(pixels(kept.original), pixels(out.getvalue()))


def test_a_profile_in_parts_stays_whole():
    # A profile may hold what it likes within the size that it states; this one has room behind its tags.
    large = struct.pack(">I", 150_000) + PROFILE[4:] + bytes(150_000 - len(PROFILE))
    sent = pictures.as_jpeg(pictures.drawn(320, 240), icc_profile=large)
    assert picture.read(sent, "a.jpg").original == sent
    # One part of three says nothing.
    start = sent.index(b"ICC_PROFILE\0\2") - 4
    (length,) = struct.unpack_from(">H", sent, start + 2)
    kept = picture.read(sent[:start] + sent[start + 2 + length :], "a.jpg").original
    assert b"ICC_PROFILE" not in kept


def test_a_jpeg_without_its_end_is_incomplete(plain):
    for tail in (b"", WORD):
        with pytest.raises(PhotoRefused) as refused:
            picture.read(plain[:-2] + tail, "a.jpg")
        assert refused.value.code == "broken"


# --- PNG, WebP ----------------------------------------------------------------------------------------------------


def as_png(**options: object) -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", WORD.decode())
    text.add_text("Comment", WORD.decode() * 9, zip=True)
    text.add_itxt("XML:com.adobe.xmp", f"<x:xmpmeta>{WORD.decode()}", zip=True)
    out = io.BytesIO()
    pictures.drawn(320, 240).save(out, "PNG", pnginfo=text, exif=told_exif(3), icc_profile=PROFILE, **options)
    return out.getvalue()


PNG_CHUNKS = [
    b"tEXt",
    b"zTXt",
    b"iTXt",
    b"eXIf",
    b"tIME",
    b"sPLT",
    b"hIST",
    b"bKGD",
    b"prVt",
    b"gAMA",
    b"sRGB",
    b"pHYs",
]


@often
@given(kinds=some.lists(some.sampled_from(PNG_CHUNKS), max_size=8), packed=some.booleans(), last=some.booleans())
def test_any_png_chunks_anywhere(kinds, packed, last):
    data = as_png()
    extra = b"".join(
        struct.pack(">I4s", len(payload), kind) + payload + struct.pack(">I", zlib.crc32(kind + payload))
        for kind in kinds
        for payload in [b"Note\0\0" + (zlib.compress(WORD) if packed else WORD)]
    )
    place = len(data) - 12 if last else 33
    kept = check(data[:place] + extra + data[place:] + WORD)
    assert np.array_equal(pixels(kept.original), pixels(data))
    assert Image.open(io.BytesIO(kept.original)).info["icc_profile"] == PROFILE


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def packed_rows(image: Image.Image, *, interlaced: bool) -> bytes:
    """What IDAT holds of an RGB picture (PNG third edition, section 8)."""
    array = np.asarray(image)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    parts = [array[y::down, x::right] for x, y, right, down in passes] if interlaced else [array]
    return zlib.compress(b"".join(b"\0" + row.tobytes() for part in parts for row in part))


@often
@given(
    size=some.tuples(some.integers(240, 261), some.integers(240, 261)),
    interlaced=some.booleans(),
    tail=some.binary(max_size=40),
    places=some.lists(some.floats(0, 1), max_size=3),
)
def test_what_a_png_holds_behind_its_packed_pixels(size, interlaced, tail, places):
    image = pictures.drawn(320, 240).resize(size)
    packed = packed_rows(image, interlaced=interlaced)
    stream = packed + WORD + tail
    # Anywhere between two chunks, in the stream as well as behind it.
    cuts = [0, *sorted(int(place * len(stream)) for place in places), len(stream)]
    pieces = [stream[start:stop] for start, stop in pairwise(cuts)]
    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, int(interlaced))
    sent = b"".join([b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *(chunk(b"IDAT", each) for each in pieces)])
    kept = check(sent + chunk(b"IDAT", WORD) + chunk(b"IEND", b""))
    assert np.array_equal(pixels(kept.original), np.asarray(image))
    assert kept.original.endswith(packed[-4:] + kept.original[-16:])


def test_the_name_of_a_pngs_colour_profile_is_not_kept():
    data = as_png()
    start = data.index(b"iCCP")
    (length,) = struct.unpack_from(">I", data, start - 4)
    payload = WORD + data[start + 4 : start + 4 + length][data[start + 4 :].index(b"\0") :]
    named = struct.pack(">I", len(payload)) + b"iCCP" + payload + struct.pack(">I", zlib.crc32(b"iCCP" + payload))
    kept = check(data[: start - 4] + named + data[start + 8 + length :])
    assert Image.open(io.BytesIO(kept.original)).info["icc_profile"] == PROFILE


@often
@given(
    kinds=some.lists(some.sampled_from([b"EXIF", b"XMP ", b"XYZ ", b"Note", b"C2PA"]), max_size=6),
    lossless=some.booleans(),
    odd=some.booleans(),
)
def test_any_webp_chunks(kinds, lossless, odd):
    out = io.BytesIO()
    options = {"exif": told_exif(1)[:9000], "xmp": WORD, "icc_profile": PROFILE, "lossless": lossless}
    pictures.drawn(320, 240).save(out, "WEBP", **options)
    data, payload = out.getvalue(), WORD + b"!" * odd
    extra = b"".join(kind + struct.pack("<I", len(payload)) + payload + b"\0" * odd for kind in kinds)
    told = b"RIFF" + struct.pack("<I", len(data) - 8 + len(extra)) + data[8:] + extra + WORD
    kept = check(told)
    assert np.array_equal(pixels(kept.original), pixels(data))
    assert Image.open(io.BytesIO(kept.original)).info["icc_profile"] == PROFILE


# --- What is converted ---------------------------------------------------------------------------------------------


def converted(kind: str) -> bytes:
    out = io.BytesIO()
    image = pictures.drawn(320, 240)
    if kind == "HEIC":
        return pictures.as_heic(image, exif=told_exif(1)[:60_000], xmp=WORD, icc_profile=PROFILE)
    if kind == "AVIF":
        image.save(out, "AVIF", exif=told_exif(1)[:60_000], xmp=WORD, icc_profile=PROFILE)
    elif kind == "BMP":
        image.save(out, "BMP")
        return out.getvalue() + WORD
    else:
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        for tag in (270, 271, 272, 305, 306, 315, 316, 33432):
            tags[tag] = WORD.decode()
        tags[700], tags[34377] = WORD, b"8BIM" + WORD
        compression = {"TIFF": "raw", "TIFF, LZW": "tiff_lzw", "TIFF, JPEG": "jpeg"}[kind]
        image.save(out, "TIFF", tiffinfo=tags, compression=compression, icc_profile=PROFILE)
    return out.getvalue() + WORD


@pytest.mark.parametrize("kind", ["HEIC", "AVIF", "TIFF", "TIFF, LZW", "TIFF, JPEG", "BMP"])
def test_a_converted_photo(kind):
    sent = converted(kind)
    assert WORD in sent
    kept = check(sent)
    assert (kept.content_type, kept.extension, kept.width, kept.height) == ("image/jpeg", "jpg", 320, 240)
    opened = Image.open(io.BytesIO(kept.original))
    assert opened.info.get("icc_profile") == (None if kind == "BMP" else PROFILE)
    assert not opened.getexif()
    difference = np.asarray(pictures.drawn(320, 240), float) - pixels(kept.original)
    assert abs(difference).mean() < 5


@pytest.mark.parametrize("kind", ["AVIF", "TIFF"])
def test_a_converted_photo_comes_out_upright(kind):
    out = io.BytesIO()
    turned = pictures.drawn(320, 240).transpose(Image.Transpose.ROTATE_90)
    turned.save(out, kind, exif=told_exif(6) if kind == "AVIF" else exif_only(6))
    kept = check(out.getvalue())
    assert (kept.width, kept.height) == (320, 240)
    assert Image.open(io.BytesIO(kept.original)).size == (320, 240)
    assert abs(np.asarray(pictures.drawn(320, 240), float) - pixels(kept.original)).mean() < 6


def exif_only(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block
