"""Which cases a reader has left unsigned on the way through the list, so that "next" does not bring them right back."""

import time
from uuid import UUID

from django.contrib import messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.middleware import clinic_of
from cases.models import Case, LesionImage
from cases.reading import next_case
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
        messages.info(request, nothing_waits())
        return redirect("worklist")
    return redirect("case_detail", case_id=found.id)


def nothing_waits() -> str:
    return _("No other case waits.")


def announced(request: HttpRequest, leaving: UUID | None) -> HttpResponse:
    """To the page of the case that would come next, for a browser that fetches it ahead; nothing is reserved or kept.

    The page finds out when it is opened whether it is still the one (`read_steps.arrive`).
    """
    found = _coming(request, *filter(None, [leaving])).first()
    if found is None:
        return HttpResponseNotFound()
    return redirect(f"{reverse('case_detail', args=[found.id])}?from={leaving or ''}")


def next_photo(request: HttpRequest, *leaving: UUID) -> UUID | None:
    """The first photo of the case that would come after `leaving`, for the browser to fetch ahead; reserves nothing.

    Always the first, never the one that the AI would have shown: what is fetched must not tell what is hidden.
    """
    photos = LesionImage.objects.filter(case=OuterRef("pk"), removed_at__isnull=True).order_by("created_at", "id")
    return _coming(request, *leaving).values_list(Subquery(photos.values("id")[:1]), flat=True).first()


def _coming(request: HttpRequest, *leaving: UUID) -> QuerySet[Case]:
    """What `next_for` would choose from, as long as the list has not come to its end."""
    passed = [*leaving, *map(UUID, _passed(request))]
    return next_case.readable_cases(signed_in_person(request), clinic_of(request)).exclude(id__in=passed)


def _passed(request: HttpRequest) -> dict[str, float]:
    earliest = time.time() - SECONDS
    known: dict[str, float] = request.session.get(SESSION_KEY, {})
    return {key: moment for key, moment in known.items() if moment > earliest}
