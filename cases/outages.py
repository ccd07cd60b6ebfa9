"""Errors that tell of the machine and not of the request: whoever asks again later may succeed."""

import errno

from django.db import InterfaceError, OperationalError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


def is_disk_full(error: BaseException) -> bool:
    if isinstance(error, OperationalError):
        # SQLite and PostgreSQL say it in words only.
        return "disk is full" in str(error) or "No space left" in str(error)
    return isinstance(error, OSError) and error.errno in _NO_SPACE


def is_database_away(error: BaseException) -> bool:
    """The database is gone, restarts, or is locked for too long. Whether it kept what it was told last is unknown."""
    return isinstance(error, OperationalError | InterfaceError) and not is_disk_full(error)
