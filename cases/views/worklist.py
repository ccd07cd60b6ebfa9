"""The worklist, its counts, and the way to the next case."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.access import can
from accounts.doors import requires
from accounts.middleware import clinic_of
from accounts.roles import Capability
from cases import worklist as lists
from cases.models import BodySite, Urgency
from cases.views import passing


def _filters(request: HttpRequest) -> lists.Filters:
    """From the address. Who does not read begins with the drafts, which are theirs to finish."""
    reads = can(request.user, clinic_of(request), Capability.SIGN_READS)
    return lists.Filters.read(request.GET, lists.Tab.WAITING if reads else lists.Tab.DRAFT)


@require_GET
@requires(Capability.VIEW_RECORD)
def worklist(request: HttpRequest) -> HttpResponse:
    clinic, filters = clinic_of(request), _filters(request)
    since = lists.moment_code(timezone.now())
    context = {
        "filters": filters,
        "page": lists.page(
            request.user,
            clinic,
            filters,
            after=request.GET.get("after", ""),
            before=request.GET.get("before", ""),
        ),
        "tallies": lists.tallies(request.user, clinic, filters),
        "since": since,
        "urgencies": Urgency.choices,
        "sites": BodySite.choices,
        "ai_kinds": lists.AiKind.choices,
        "sorts": [choice for choice in lists.Sort.choices if choice[0] != "urgency" or filters.tab != "signed"],
    }
    return render(request, "cases/worklist/list.html", context)


@require_GET
@requires(Capability.VIEW_RECORD)
def counts(request: HttpRequest) -> HttpResponse:
    """The tabs with fresh counts, and how many cases came since the list was made."""
    clinic, filters = clinic_of(request), _filters(request)
    since = request.GET.get("since", "")
    context = {
        "filters": filters,
        "tallies": lists.tallies(request.user, clinic, filters),
        "since": since,
        "arrived": lists.arrived_since(request.user, clinic, filters, since),
    }
    return render(request, "cases/worklist/_counts.html", context)


@require_GET
@requires(Capability.SIGN_READS)
def next_case(request: HttpRequest) -> HttpResponse:
    """To the case that comes next; `from` names the case that the reader leaves."""
    leaving = passing.case_id(request.GET.get("from", ""))
    found = passing.next_for(request, leaving)
    if found is None:
        messages.info(request, _("No other case waits."))
        return redirect("worklist")
    return redirect("case_detail", case_id=found.id)
