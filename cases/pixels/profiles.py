"""Colour profiles: kept where they are some, so that nothing else travels in their place."""

import io

from PIL import ImageCms


def kept(profile: bytes) -> bytes | None:
    """`profile` up to the end that it states itself; None where it is none that Little CMS can read.

    Size field: ICC.1:2022 section 7.2.2. What its own tags say (a name, a copyright) is not looked at.
    """
    whole = profile[: int.from_bytes(profile[:4], "big")]
    try:
        ImageCms.ImageCmsProfile(io.BytesIO(whole))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return whole
