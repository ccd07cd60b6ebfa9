"""How large a photo shows things: pixels per millimetre, from a line that a person drew over a known length.

It holds in the plane of the ruler (or the coin) and is as good as the line; what is measured with it is not stored.
Who set it last, or took it away, and when stays with the photo; the audit log has every change.
"""

import math

from django.utils import formats, timezone
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


def clear_scale(image: LesionImage, *, by: User) -> LesionImage:
    """Takes the scale away, with who and when; nothing can be measured in millimetres then."""
    return _record(image, None, by) if image.pixels_per_mm else image


def said(image: LesionImage) -> str:
    """The photo's scale, and who set it or took it away; empty where nobody ever did. Needs `scale_set_by`."""
    if image.scale_set_at is None:
        return ""
    who = {"name": image.scale_set_by, "day": formats.date_format(timezone.localtime(image.scale_set_at), "j M Y, H:i")}
    if image.pixels_per_mm is None:
        return _("Scale unknown: taken away by %(name)s, %(day)s.") % who
    return _("Scale: %(number)s pixels per mm, by %(name)s, %(day)s.") % {"number": f"{image.pixels_per_mm:.1f}", **who}


def _record(image: LesionImage, pixels_per_mm: float | None, by: User) -> LesionImage:
    image.pixels_per_mm, image.scale_set_by, image.scale_set_at = pixels_per_mm, by, timezone.now()
    image.save(update_fields=["pixels_per_mm", "scale_set_by", "scale_set_at"])
    return image
