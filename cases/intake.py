"""A photo from the wire into the record."""

from typing import BinaryIO

from accounts.models import User
from cases.errors import Refused
from cases.models import Case, ImageKind, LesionImage


class PhotoRefused(Refused):
    """The photo cannot be taken; the sentence names the reason and the remedy."""


def accept(case: Case, file: BinaryIO, *, name: str, kind: str = ImageKind.CLOSE_UP, by: User) -> LesionImage:
    """Takes one photo into `case` and queues its prediction."""
    raise NotImplementedError
