"""Whatever arrives, intake takes it or refuses it with a sentence, and leaves no file of a refused photo behind."""

import io
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from pillow_heif import register_heif_opener

from cases.models import LesionImage
from cases.photo import intake
from cases.photo.intake import PhotoRefused
from cases.pixels import apart, chunked, decoding
from tests.cases import pictures
from tests.cast import make_case

pytestmark = pytest.mark.django_db
STARTS = [
    b"\xff\xd8\xff",
    b"\xff\xd8\xff\xe1\0\x10Exif\0\0",
    chunked.PNG_SIGNATURE,
    chunked.PNG_SIGNATURE + struct.pack(">I4s", 13, b"IHDR"),
    b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0",
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
    b"II*\0\x08\0\0\0",
    b"BM",
]


def saved(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    pictures.drawn(320, 240).save(out, kind, **options)
    return out.getvalue()


REAL = [
    pictures.phone_jpeg(pictures.drawn(320, 240)),
    pictures.phone_jpeg(pictures.drawn(320, 240), progressive=True),
    pictures.as_png(pictures.drawn(320, 240)),
    pictures.as_webp(pictures.drawn(320, 240)),
    pictures.as_webp(pictures.drawn(320, 240), lossless=True),
    pictures.small_heic(),
    saved("AVIF"),
    saved("TIFF", compression="tiff_lzw"),
    saved("BMP"),
]
# The case is the same for all examples; only its photos differ.
often = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def _decoders_in_this_process(monkeypatch):
    """Some hundred processes would take half a minute; tests/cases/test_decoders.py has what they are for."""
    register_heif_opener(thumbnails=False)
    monkeypatch.setattr(apart, "decoded", decoding.decoded)


@pytest.fixture
def offer(alma, settings):
    """offer(data): sends it, and holds that files and rows agree afterwards."""
    case = make_case(alma)

    def _offer(data: bytes) -> str:
        code, sentence = "taken", "."
        try:
            intake.accept(case, io.BytesIO(data), name="photo", by=case.created_by)
        except PhotoRefused as refusal:
            code, sentence = refusal.code, str(refusal)
        assert sentence.endswith(".")
        rows = LesionImage.objects.filter(case=case).values_list("original", "derivative", "thumbnail")
        root = settings.MEDIA_ROOT
        files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
        assert files == {path for row in rows for path in row}
        return code

    return _offer


@often
@given(start=some.sampled_from([b"", *STARTS]), rest=some.binary(max_size=400))
def test_arbitrary_bytes_are_refused(offer, start, rest):
    assert offer(start + rest) != "taken"


@often
@given(real=some.sampled_from(REAL), share=some.floats(0, 1))
def test_truncated_photos_are_taken_or_refused(offer, real, share):
    offer(real[: int(len(real) * share)])


@often
@given(
    real=some.sampled_from(REAL),
    spots=some.lists(some.tuples(some.floats(0, 1, exclude_max=True), some.integers(0, 255)), min_size=1, max_size=12),
    head_only=some.booleans(),
)
def test_damaged_photos_are_taken_or_refused(offer, real, spots, head_only):
    data = bytearray(real)
    for place, value in spots:
        data[int(place * (min(400, len(data)) if head_only else len(data)))] = value
    offer(bytes(data))


@often
@given(
    order=some.permutations(range(10)),
    extra=some.lists(some.tuples(some.integers(0xC0, 0xFE), some.binary(max_size=40)), max_size=4),
)
def test_jpeg_segments_in_any_order_are_taken_or_refused(offer, order, extra):
    parts, position, data = [], 2, REAL[0]
    while data[position + 1] != 0xDA:
        length = 2 + struct.unpack_from(">H", data, position + 2)[0]
        parts.append(data[position : position + length])
        position += length
    shuffled = [parts[place] for place in order if place < len(parts)]
    strange = [pictures.segment(code, payload) for code, payload in extra]
    offer(data[:2] + b"".join(strange + shuffled) + data[position:])


@often
@given(order=some.permutations(range(6)), kept=some.integers(1, 6))
def test_png_chunks_in_any_order_are_taken_or_refused(offer, order, kept):
    chunks = [chunked._png_chunk(kind, payload) for kind, payload in chunked._png_chunks(REAL[2])]
    some_of_them = [chunks[place] for place in order if place < len(chunks)][:kept]
    offer(chunked.PNG_SIGNATURE + b"".join(some_of_them) + chunked._png_chunk(b"IEND", b""))
