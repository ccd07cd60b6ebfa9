"""Decoding in a process of its own: a decoder that crashes, hangs or eats memory takes nobody else along.

JPEG, which nearly all photos are, is decoded where it is asked for: its decoder is small and has been attacked for
thirty years (suspects.py tells which photo crashed it all the same, `jpeg.is_heavy` which would take much of it). Those
of all other formats are larger or younger, and a photo in these bears the 0.15 s of the processor that a new process
costs (decoding a HEIC photo of 12 megapixels takes more than a second anyway). The process gets the bytes and the
limits, and neither the service's secrets nor Django.

Sent: the photo, on standard input. Answered: a line of JSON, then the bytes whose lengths it names.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from PIL import Image

from cases.pixels import decoding
from cases.pixels.decoding import Decoded, Limits, Unfit

SECONDS = 60.0
MEMORY_BYTES = 3 * 2**30
# Further ones of this process wait: each may take gigabytes.
_AT_ONCE = threading.BoundedSemaphore(2)
_COMMAND = [sys.executable, "-m", "cases.pixels.apart"]
_ROOT = Path(__file__).resolve().parent.parent.parent
_ENVIRONMENT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")


class Lost(Exception):
    """The process gave no answer; the text says how it ended."""


class Exhausted(Lost):
    """It took more time or memory than it may."""


def decoded(data: bytes, form: str, limits: Limits) -> Decoded:
    """As `decoding.decoded`, with at most as many pixels as the upright copy needs.

    Raises:
        Unfit: the photo is broken or beyond `limits`, or its decoder ran out of MEMORY_BYTES ("too_complex").
        Exhausted: its decoder took more than SECONDS, or the machine's memory.
        Lost: its decoder crashed.
    """
    answer = _asked(data, form, limits)
    head, _newline, rest = answer.partition(b"\n")
    try:
        said = json.loads(head)
    except ValueError as error:
        raise Lost("no answer") from error
    if "unfit" in said:
        raise Unfit(said["unfit"], tuple(said["size"]))
    blobs, position = [], 0
    for length in said["lengths"]:
        blobs.append(rest[position : position + length])
        position += length
    pixels, profile, jpeg = blobs
    picture = Image.frombytes(said["mode"], tuple(said["pixels"]), pixels)
    picture.info["icc_profile"] = profile or None
    return Decoded(picture, tuple(said["size"]), said["several"], jpeg or None)


def _asked(data: bytes, form: str, limits: Limits) -> bytes:
    command = [*_COMMAND, form, str(limits.most_pixels), str(limits.least_side), str(MEMORY_BYTES)]
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    with _AT_ONCE:
        try:
            done = subprocess.run(  # noqa: S603 - our own file
                command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                cwd=_ROOT, env=environment, timeout=SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise Exhausted(f"no answer within {SECONDS:g} s") from error
    if done.returncode == -signal.SIGKILL:
        raise Exhausted("killed")  # by the kernel, whose memory ran out
    if done.returncode:
        raise Lost(f"exit code {done.returncode}")
    return done.stdout


def _answer(data: bytes, form: str, limits: Limits) -> list[bytes]:
    """What the process writes: the line, then the bytes."""
    if form == decoding.HEIF:
        from pillow_heif import register_heif_opener  # heavy, and needed for this one format

        register_heif_opener(thumbnails=False)
    before = _address_space("VmSize")
    try:
        found = decoding.decoded(data, form, limits)
    except Unfit as unfit:
        ran_out = unfit.code == "broken" and _has_run_out(before)
        return [_line(unfit="too_complex" if ran_out else unfit.code, size=unfit.size)]
    small = decoding.shrunk(found.picture, decoding.UPRIGHT_SIDE)
    blobs = [small.tobytes(), found.picture.info.get("icc_profile") or b"", found.jpeg or b""]
    head = _line(
        mode=small.mode,
        pixels=small.size,
        size=found.size,
        several=found.several,
        lengths=[len(blob) for blob in blobs],
    )
    return [head, *blobs]


def _has_run_out(before: int) -> bool:
    """Whether a decoder that failed did so for want of memory, which most say as they say everything else.

    Taken for granted where it had got more than half of what there was to get since `before`.
    """
    most, _hard = resource.getrlimit(resource.RLIMIT_AS)
    return _address_space("VmPeak") - before > (most - before) / 2


def _address_space(field: str) -> int:
    """In bytes, as Linux counts them; 0 elsewhere."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return 1024 * next((int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{field}:")), 0)


def _line(**said: Any) -> bytes:
    return json.dumps(said).encode() + b"\n"


if __name__ == "__main__":
    _form, _most, _least, _memory = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (int(_memory), int(_memory)))
    # A crash of a decoder is expected here: no picture of a patient in a core file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _parts = _answer(sys.stdin.buffer.read(), _form, Limits(int(_most), int(_least)))
    except MemoryError:
        _parts = [_line(unfit="too_complex", size=(0, 0))]
    for _part in _parts:
        sys.stdout.buffer.write(_part)
