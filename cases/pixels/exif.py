"""The one thing in a photo's EXIF block that the record keeps: which way is up."""

import struct

ORIENTATION_TAG = 0x0112
_SHORT = 3
_UPRIGHT = 1
_ENTRY_BYTES = 12
_MOST_ENTRIES = 512


def orientation(tiff: bytes) -> int:
    """The orientation 1-8 that a TIFF-structured EXIF block states; 1 (upright) where it states none or is damaged.

    Layout: TIFF 6.0 section 2, the tag: Exif 2.32 section 4.6.4.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return _UPRIGHT
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for number in range(min(entries, _MOST_ENTRIES)):
            tag, kind, _count, value = struct.unpack_from(f"{order}HHIH", tiff, directory + 2 + number * _ENTRY_BYTES)
            if tag == ORIENTATION_TAG:
                return value if kind == _SHORT and 1 <= value <= 8 else _UPRIGHT
    except struct.error:
        pass
    return _UPRIGHT


def stating_only(orientation: int) -> bytes:
    """A TIFF-structured EXIF block of 26 bytes that states the orientation and nothing else."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, ORIENTATION_TAG, _SHORT, 1, orientation, 0, 0)
