"""Refusals that a person can read and mend. Doors show the sentence; surprises stay exceptions of other kinds."""

import hashlib
from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _


class Refused(Exception):
    """A wish that the record does not allow. `str()` is a sentence for the user; `code` is for the API."""

    code = "refused"

    def __init__(self, sentence: object, code: str | None = None) -> None:
        super().__init__(str(sentence))
        if code:
            self.code = code


class Conflict(Refused):
    """Someone else changed the record in the meantime."""

    code = "conflict"


def wrong_state(state_in_words: object) -> Refused:
    return Refused(
        _("This is not possible while the case is in the state “%(state)s”.") % {"state": state_in_words},
        code="wrong_state",
    )


def fingerprint(values: Iterable[object]) -> str:
    """Sixteen letters that differ when one of `values` does: what a page remembers of what it showed.

    Only to notice that somebody else saved meanwhile; nothing is kept secret by it.
    """
    return hashlib.sha256("\x1f".join(str(value) for value in values).encode()).hexdigest()[:16]
