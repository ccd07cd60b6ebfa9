"""Files made to cost more than they weigh, and files that are not what they say: refused by name, and cheaply."""

import io
import resource
import struct
import time
import zlib

import pytest
from PIL import Image, TiffImagePlugin

from cases.pixels import chunked, picture
from cases.pixels.errors import PhotoRefused
from tests.cases import pictures


def refusal(data: bytes, name: str = "mole.jpg") -> PhotoRefused:
    """What it is refused with; the sentence names the file and says what to do."""
    began = time.process_time()
    with pytest.raises(PhotoRefused) as refused:
        picture.read(data, name)
    assert name in str(refused.value)
    assert str(refused.value).count(".") >= 2 - ("." not in name)
    # A twentieth of what decoding a hundred megapixels costs, on any machine.
    assert time.process_time() - began < 2
    return refused.value


def stating(kind: str, width: int, height: int) -> bytes:
    """A small file of a type whose header states another size than it has."""
    out = io.BytesIO()
    small = pictures.drawn(320, 240)
    if kind == "HEIF":
        return pictures.small_heic().replace(_ispe(320, 240), _ispe(width, height))
    small.save(out, kind)
    data = out.getvalue()
    if kind == "JPEG":
        place = data.index(b"\xff\xc0") + 5
        return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]
    if kind == "AVIF":
        return data.replace(_ispe(320, 240), _ispe(width, height))
    if kind == "BMP":
        return data[:18] + struct.pack("<ii", width, height) + data[26:]
    if kind == "WEBP":
        size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
        extended = b"VP8X" + struct.pack("<I", 10) + bytes(4) + size
        return b"RIFF" + struct.pack("<I", len(data) - 8 + len(extended)) + b"WEBP" + extended + data[12:]
    raise AssertionError(kind)


def _ispe(width: int, height: int) -> bytes:
    return b"ispe" + struct.pack(">III", 0, width, height)


@pytest.mark.parametrize("kind", ["JPEG", "BMP", "AVIF", "HEIF", "WEBP"])
def test_two_hundred_megapixels_in_a_small_file(kind):
    bomb = stating(kind, 16_000, 12_500)
    assert len(bomb) < 400_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # A decoder may notice first that the header does not agree with what follows.
    assert refusal(bomb).code in {"too_many_pixels", "broken"}
    # Not a fifth of what its pixels would take.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 120_000


def test_two_hundred_megapixels_of_tiff():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in ((256, 16_000), (257, 12_500), (258, 8), (259, 8), (262, 1), (273, 8), (277, 1), (278, 12_500)):
        tags[tag] = value
    tags[279] = 500
    out = io.BytesIO()
    out.write(b"II*\0" + struct.pack("<I", 8))
    tags.save(out)
    assert refusal(out.getvalue() + zlib.compress(bytes(100_000))).code == "too_many_pixels"


def png(*chunks: tuple[bytes, bytes], width: int = 400, height: int = 400) -> bytes:
    head = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return chunked.PNG_SIGNATURE + b"".join(
        chunked._png_chunk(kind, payload) for kind, payload in (head, *chunks, (b"IEND", b""))
    )


def test_a_png_whose_pixels_unfold_without_end_is_read_no_further_than_its_size():
    rows = b"".join(b"\0" + bytes(400 * 3) for _ in range(400))
    endless = zlib.compress(rows + bytes(300_000_000), 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = picture.read(png((b"IDAT", endless)), "a.png")
    assert (kept.width, kept.height) == (400, 400)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 120_000


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_png_whose_notes_unfold_without_end(kind):
    unfolding = zlib.compress(bytes(200_000_000), 1)
    note = {b"zTXt": b"Note\0\0", b"iTXt": b"Note\0\1\0\0\0", b"iCCP": b"icc\0\0"}[kind] + unfolding
    rows = zlib.compress(b"".join(b"\0" + bytes(400 * 3) for _ in range(400)))
    data = png((kind, note), (b"IDAT", rows))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = picture.read(data, "a.png")
    assert kept.width == 400
    assert kind not in kept.original
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


def test_animated_avif_and_a_raw_photo_are_refused_and_a_tiff_of_many_pages_gives_its_first():
    frames = [pictures.drawn(320, 240, seed=seed) for seed in (1, 2)]
    out = io.BytesIO()
    frames[0].save(out, "AVIF", save_all=True, append_images=frames[1:])
    assert refusal(out.getvalue()).code in {"animated", "unsupported_type"}
    out = io.BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    assert picture.read(out.getvalue(), "a.tif").remarks == ["small", "several_pictures"]
    raw = TiffImagePlugin.ImageFileDirectory_v2()
    raw[50706] = b"\1\4\0\0"
    out = io.BytesIO()
    frames[0].save(out, "TIFF", tiffinfo=raw)
    refused = refusal(out.getvalue(), "IMG.dng")
    assert (refused.code, "raw" in str(refused)) == ("unsupported_type", True)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.4, 0.8, 0.97])
@pytest.mark.parametrize("kind", ["HEIC", "AVIF", "TIFF", "BMP"])
def test_a_truncated_file_of_the_converted_kinds(kind, share):
    if kind == "HEIC":
        data = pictures.small_heic()
    else:
        out = io.BytesIO()
        pictures.drawn(320, 240).save(out, kind)
        data = out.getvalue()
    assert refusal(data[: int(len(data) * share)]).code == ("broken" if share else "empty")


def test_what_it_is_decides_and_not_what_it_is_called():
    assert picture.read(pictures.as_png(), "photo.jpg").content_type == "image/png"
    assert picture.read(pictures.phone_jpeg(), "letter.pdf").content_type == "image/jpeg"
    assert refusal(b"MZ\x90\0" + bytes(200), "photo.jpg").code == "not_a_picture"
    assert refusal(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "photo.png").code == "not_a_picture"


def test_the_decoder_is_not_asked_before_the_limits(monkeypatch):
    bombs = [stating(kind, 16_000, 12_500) for kind in ("JPEG", "BMP")]
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    for bomb in bombs:
        assert refusal(bomb).code == "too_many_pixels"
