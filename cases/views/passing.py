"""Which cases a reader has left unsigned on the way through the list, so that "next" does not bring them right back."""

import time
from uuid import UUID

from django.http import HttpRequest

from accounts.middleware import clinic_of
from cases import worklist
from cases.models import Case

SESSION_KEY = "passed_cases"
SECONDS = 30 * 60
MOST = 200


def case_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def next_for(request: HttpRequest, leaving: UUID | None) -> Case | None:
    """The next case for this reader, who leaves `leaving`; at the end of the list it begins again."""
    passed = _passed(request)
    if leaving:
        passed[str(leaving)] = time.time()
    request.session[SESSION_KEY] = dict(list(passed.items())[-MOST:])
    clinic = clinic_of(request)
    found = worklist.next_case(request.user, clinic, map(UUID, passed))
    if found is None and passed:
        request.session[SESSION_KEY] = {}
        found = worklist.next_case(request.user, clinic, [leaving] if leaving else [])
    return found


def _passed(request: HttpRequest) -> dict[str, float]:
    earliest = time.time() - SECONDS
    known: dict[str, float] = request.session.get(SESSION_KEY, {})
    return {key: moment for key, moment in known.items() if moment > earliest}
