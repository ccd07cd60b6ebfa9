"""Decoders that crash, hang or are kept busy: the photo alone is refused, and who asked goes on."""

import hashlib
import io
import json
import struct
import subprocess
import sys
import tempfile

import pytest
from django.core.cache import cache

from cases.photo import intake
from cases.pixels import apart, jpeg, picture, suspects
from cases.pixels.errors import PhotoRefused, TooComplex
from tests.cases import pictures
from tests.cast import make_case


def run_instead(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Puts a decoder that runs `program` in the place of the real one."""
    monkeypatch.setattr(apart, "_COMMAND", [sys.executable, "-c", program])


@pytest.mark.parametrize(
    ("program", "how"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "exit code -11"),
        ("raise MemoryError", "exit code 1"),
        ("print('{half an answ')", "no answer"),
    ],
)
def test_a_decoder_that_crashes_refuses_its_photo_alone(monkeypatch, program, how):
    run_instead(monkeypatch, program)
    with pytest.raises(PhotoRefused) as refused:
        picture.read(pictures.small_heic(), "a.heic")
    assert refused.value.code == "broken"
    assert str(refused.value.__cause__) == how


def test_a_decoder_that_hangs_is_ended(monkeypatch):
    run_instead(monkeypatch, "import time; time.sleep(600)")
    monkeypatch.setattr(apart, "SECONDS", 0.3)
    with pytest.raises(PhotoRefused) as refused:
        picture.read(pictures.as_webp(pictures.drawn(320, 240)), "a.webp")
    assert "within 0.3 s" in str(refused.value.__cause__)
    assert refused.value.code == "too_complex"


def test_a_decoder_is_told_no_secrets(monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_KEY", "not for decoders")
    seen = tmp_path / "environment"
    run_instead(monkeypatch, f"import os; open({str(seen)!r}, 'w').write(repr(os.environ))")
    with pytest.raises(PhotoRefused):
        picture.read(pictures.small_heic(), "a.heic")
    assert "not for decoders" not in seen.read_text()


def test_a_jpeg_is_decoded_without_another_process(monkeypatch):
    run_instead(monkeypatch, "raise SystemExit(1)")
    assert picture.read(pictures.phone_jpeg(), "a.jpg").width


@pytest.mark.django_db
def test_a_jpeg_that_took_its_process_along_is_decoded_apart_when_it_comes_again(monkeypatch, alma):
    run_instead(monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    case, data = make_case(alma), pictures.phone_jpeg()
    # What a process that died in the middle of decoding leaves behind.
    cut_short = suspects.first_try(hashlib.sha256(data).hexdigest())
    assert cut_short.__enter__()
    for _again in range(2):
        with pytest.raises(PhotoRefused) as refused:
            intake.accept(case, io.BytesIO(data), name="a.jpg", by=alma.staff)
        assert refused.value.code == "broken"
    # A process that was stopped for another reason leaves the mark, too: the photo itself is sound.
    monkeypatch.undo()
    assert intake.accept(case, io.BytesIO(data), name="a.jpg", by=alma.staff).width
    assert cache.get(f"decoding:{hashlib.sha256(data).hexdigest()}") is None


def test_a_jpeg_of_endless_scans_is_refused_before_it_is_decoded():
    data = pictures.as_jpeg(pictures.drawn(320, 240))
    start = data.index(b"\xff\xda")
    scan = data[start : data.index(b"\xff", start + 20)]
    data = data[:start] + scan * (jpeg.MOST_SCANS + 1) + data[start:]
    with pytest.raises(TooComplex, match="scans"):
        jpeg.without_metadata(data)
    with pytest.raises(PhotoRefused, match="save it anew as an ordinary JPEG") as refused:
        picture.read(data, "a.jpg")
    assert refused.value.code == "too_complex"


def stated(width: int, height: int, **options: object) -> bytes:
    """A small JPEG whose header states another size: its pixels are missing, and a decoder makes room for them."""
    data = pictures.as_jpeg(pictures.drawn(320, 240), **options)
    frame = next(at for marker in (b"\xff\xc0", b"\xff\xc2") if (at := data.find(marker)) > 0)
    return data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]


def with_scans(data: bytes, number: int) -> bytes:
    """`data` with its last scan repeated until it has so many."""
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * (number - data.count(b"\xff\xda") + 1) + b"\xff\xd9"


PROGRESSIVE = {"progressive": True, "subsampling": "4:4:4"}


@pytest.mark.parametrize(
    ("data", "is_heavy"),
    [
        (stated(4000, 3000), False),
        (stated(4000, 3000, **PROGRESSIVE), False),
        (stated(10_000, 10_000), False),  # decoded line by line
        (stated(5200, 5000, **PROGRESSIVE), True),
        (with_scans(stated(4000, 3000, **PROGRESSIVE), 30), False),
        (with_scans(stated(4000, 3000, **PROGRESSIVE), 99), True),
        # Colour by colour, though not progressive.
        (stated(5200, 5000).replace(b"\xff\xda\0\x0c\3", b"\xff\xda\0\x0c\1"), True),
    ],
)
def test_which_jpeg_is_heavy_is_seen_without_decoding_it(data, is_heavy):
    clean, _orientation = jpeg.without_metadata(data)
    assert jpeg.is_heavy(clean) == is_heavy


def test_a_small_file_of_a_large_progressive_photo_costs_the_asking_process_no_memory():
    program = """
import django, json, sys
from pathlib import Path
django.setup()
from cases.pixels import picture

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:")) // 1024

picture.read(Path(sys.argv[1]).read_bytes(), "small.jpg")
before = peak()
size = picture.read(sys.stdin.buffer.read(), "large.jpg").width
print(json.dumps([size, peak() - before]))
"""
    data = stated(8000, 8000, **PROGRESSIVE)
    assert len(data) < 100_000
    with tempfile.NamedTemporaryFile(suffix=".jpg") as small:
        small.write(pictures.phone_jpeg())
        small.flush()
        done = subprocess.run(
            [sys.executable, "-c", program, small.name], input=data, stdout=subprocess.PIPE, check=True
        )
    width, megabytes = json.loads(done.stdout.splitlines()[-1])
    assert width == 8000
    assert megabytes < 60  # its coefficients alone are 384


@pytest.mark.parametrize("program", [None, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_decoder_without_memory_says_what_helps(monkeypatch, program):
    monkeypatch.setattr(apart, "MEMORY_BYTES", 600 * 2**20)
    if program:
        run_instead(monkeypatch, program)
    with pytest.raises(PhotoRefused, match="save it anew as an ordinary JPEG") as refused:
        picture.read(stated(10_000, 9_900, **PROGRESSIVE), "a.jpg")
    assert refused.value.code == "too_complex"


def test_a_broken_photo_is_not_called_complex():
    data = pictures.as_webp(pictures.drawn(320, 240))
    with pytest.raises(PhotoRefused) as refused:
        picture.read(data[:20] + bytes(len(data) - 20), "a.webp")
    assert refused.value.code == "broken"
