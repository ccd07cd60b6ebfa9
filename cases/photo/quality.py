"""Advice on a photo for the one who took it. Advice never blocks: a poor photo is better than none."""

import numpy as np
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from PIL import Image

# Short side in pixels below which fine structures are lost.
SMALL_SIDE = 450
# Luminance (0-255) that the brightest twentieth of the picture stays below. Low, because the darkest skin in good
# light reaches about 65; those 240 photos, hardly any of dark skin, reached 112 and more.
DARK_LIGHTS = 50
# Share of the picture that is burnt out, that is at least this bright.
BURNT_OUT, BURNT_OUT_SHARE = 250, 0.3
# Sharpness is measured at this short side in pixels, so that a soft 300 px copy is not called blurred.
SHARPNESS_SIDE = 256
# Of 240 phone photos of lesions (PAD-UFES-20) none fell below this; blurred by a Gaussian of 0.8 % of the short
# side 88 % did, of 1.6 % all.
BLURRED_BELOW = 6.5

SENTENCES: dict[str, Promise] = {
    "blurred": _("The photo looks blurred. Hold still, tap the lesion to focus and take it again."),
    "too_dark": _("The photo is very dark. Take it again with more light."),
    "too_bright": _("Parts of the photo are burnt out. Take it again without flash or direct sun."),
    "small": _("The photo is small, so fine structures are lost. Send the full-size photo if you have it."),
    "several_pictures": _("The file holds several pictures; only the main one was taken."),
}


def remarks(upright: Image.Image, short_side: int) -> list[str]:
    """Codes of what to remark about an upright RGB picture; `short_side` is the original's, in pixels."""
    grey = upright.convert("L")
    # How many pixels have each luminance or less.
    shares = np.cumsum(grey.histogram()) / (grey.width * grey.height)
    found = []
    if shares[DARK_LIGHTS - 1] > 0.95:
        # In the dark there are no edges to judge sharpness by.
        found.append("too_dark")
    elif sharpness(grey) < BLURRED_BELOW:
        found.append("blurred")
    if 1 - shares[BURNT_OUT - 1] > BURNT_OUT_SHARE:
        found.append("too_bright")
    if short_side < SMALL_SIDE:
        found.append("small")
    return found


def sharpness(picture: Image.Image) -> float:
    """How steep a grey picture's steepest places are: the 99.5th percentile of the Laplacian's size, in grey levels."""
    scale = SHARPNESS_SIDE / min(picture.size)
    size = (max(3, round(picture.width * scale)), max(3, round(picture.height * scale)))
    grey = np.asarray(picture.resize(size, Image.Resampling.BOX), dtype=np.float32)
    middle = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
    return float(np.percentile(np.abs(laplacian), 99.5))


def sentences(codes: list[str]) -> list[str]:
    """The remarks in words; a code that this version does not know is left out."""
    return [str(SENTENCES[code]) for code in codes if code in SENTENCES]
