"""Why a photo is not taken."""

from cases.errors import Refused


class PhotoRefused(Refused):
    """The photo cannot be taken; the sentence names the file, the reason and the remedy."""

    code = "photo_refused"


class Damaged(ValueError):
    """The file's structure breaks off or contradicts itself."""


class TooComplex(ValueError):
    """The file is sound, perhaps, but asks for more of a decoder than a photo needs."""


class Animated(ValueError):
    """The file holds several frames."""
