"""Which cases a reader has left unsigned on the way through the list, so that "next" does not bring them right back."""

import time
from uuid import UUID

from django.contrib import messages
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.middleware import clinic_of
from cases import next_case
from cases.models import Case, LesionImage
from cases.views.doors import signed_in_person

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
    clinic, reader = clinic_of(request), signed_in_person(request)
    found = next_case.reserve_next(reader, clinic, map(UUID, passed))
    if found is None and passed:
        request.session[SESSION_KEY] = {}
        found = next_case.reserve_next(reader, clinic, [leaving] if leaving else [])
    return found


def to_next(request: HttpRequest, leaving: UUID | None) -> HttpResponse:
    """To the page of the next case, or to the list where there is none."""
    found = next_for(request, leaving)
    if found is None:
        messages.info(request, _("No other case waits."))
        return redirect("worklist")
    return redirect("case_detail", case_id=found.id)


def next_photo(request: HttpRequest, case: Case) -> UUID | None:
    """The first photo of the case that would come after `case`, for the browser to fetch ahead; reserves nothing.

    Always the first, never the one that the AI would have shown: what is fetched must not tell what is hidden.
    """
    passed = [case.id, *map(UUID, _passed(request))]
    coming = next_case.readable_cases(signed_in_person(request), clinic_of(request)).exclude(id__in=passed)
    photos = LesionImage.objects.filter(case=OuterRef("pk"), removed_at__isnull=True).order_by("created_at", "id")
    return coming.values_list(Subquery(photos.values("id")[:1]), flat=True).first()


def _passed(request: HttpRequest) -> dict[str, float]:
    earliest = time.time() - SECONDS
    known: dict[str, float] = request.session.get(SESSION_KEY, {})
    return {key: moment for key, moment in known.items() if moment > earliest}
