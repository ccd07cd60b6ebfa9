"""How large a photo shows things: pixels per millimetre, from a line that a person drew over a known length.

It holds in the plane of the ruler (or the coin) and is as good as the line; what is measured with it is not stored.
"""

import math

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from cases.errors import Refused
from cases.models import LesionImage

# A line shorter than this is drawn with an error of some per cent, and so would be every length measured by it.
LEAST_PIXELS = 20
MOST_MILLIMETRES = 500


def set_scale(image: LesionImage, *, pixels: float, millimetres: float, by: User) -> LesionImage:
    """Keeps what the line of `pixels` (of the original) over `millimetres` says about `image`, with who and when.

    Raises:
        Refused: the line is too short or longer than the photo ("line"), or the length cannot be ("length").
    """
    if not (math.isfinite(pixels) and LEAST_PIXELS <= pixels <= math.hypot(image.width, image.height)):
        raise Refused(
            _("Draw the line over at least %(least)s pixels of the photo, over something as long as possible.")
            % {"least": LEAST_PIXELS},
            code="line",
        )
    if not (math.isfinite(millimetres) and 0 < millimetres <= MOST_MILLIMETRES):
        raise Refused(
            _("Say how long the line is in millimetres, at most %(most)s.") % {"most": MOST_MILLIMETRES}, code="length"
        )
    return _record(image, pixels / millimetres, by)


def clear_scale(image: LesionImage) -> LesionImage:
    """Takes the scale away again; nothing can be measured in millimetres then. The audit log keeps who did."""
    return _record(image, None, None)


def _record(image: LesionImage, pixels_per_mm: float | None, by: User | None) -> LesionImage:
    image.pixels_per_mm, image.scale_set_by = pixels_per_mm, by
    image.scale_set_at = timezone.now() if by else None
    image.save(update_fields=["pixels_per_mm", "scale_set_by", "scale_set_at"])
    return image
