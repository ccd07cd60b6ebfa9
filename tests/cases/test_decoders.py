"""Decoders that crash, hang or are kept busy: the photo alone is refused, and who asked goes on."""

import hashlib
import io
import sys

import pytest
from django.core.cache import cache

from cases.photo import intake
from cases.pixels import apart, jpeg, picture, suspects
from cases.pixels.errors import Damaged, PhotoRefused
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
    with pytest.raises(Damaged, match="scans"):
        jpeg.without_metadata(data[:start] + scan * (jpeg.MOST_SCANS + 1) + data[start:])
