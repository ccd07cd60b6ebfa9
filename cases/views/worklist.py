"""The worklist, its counts, and the way to the next case."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.access import can
from accounts.doors import requires
from accounts.middleware import clinic_of
from accounts.roles import Capability
from cases.ahead import is_fetched_ahead
from cases.errors import Refused
from cases.models import BodySite, ReadStage, Urgency
from cases.reading import practice
from cases.report import deliveries
from cases.views import passing
from cases.views.doors import signed_in_person
from cases.worklist import listing, saved_views, tallies
from cases.worklist.filters import AiKind, Filters, Sort, Tab


def _filters(request: HttpRequest) -> Filters:
    return Filters.read(request.GET, _first_tab(request))


def _first_tab(request: HttpRequest) -> Tab:
    """Who does not read begins with the drafts, which are theirs to finish."""
    return Tab.WAITING if can(request.user, clinic_of(request), Capability.SIGN_READS) else Tab.DRAFT


def _reports(request: HttpRequest) -> str:
    """How many reports wait to be printed or sent, for those whose work that is; empty for those who read."""
    clinic = clinic_of(request)
    if can(request.user, clinic, Capability.SIGN_READS):
        return ""
    return deliveries.count(request.user, clinic)


def _practice(request: HttpRequest, filters: Filters) -> int:
    """How many practice cases the reader has not read; they stand above the list and never in it."""
    clinic = clinic_of(request)
    if filters.tab != Tab.WAITING or not can(request.user, clinic, Capability.SIGN_READS):
        return 0
    return practice.to_read(signed_in_person(request), clinic).count()


@require_GET
@requires(Capability.VIEW_RECORD)
def worklist(request: HttpRequest) -> HttpResponse:
    clinic, filters = clinic_of(request), _filters(request)
    since = listing.moment_code(timezone.now())
    views = list(saved_views.of(signed_in_person(request), clinic))
    tabs = tallies.of_tabs(filters)
    counted = tallies.count(request.user, clinic, [*tabs, *map(saved_views.filters_of, views)])
    context = {
        "filters": filters,
        "page": listing.page(
            request.user,
            clinic,
            filters,
            after=request.GET.get("after", ""),
            before=request.GET.get("before", ""),
        ),
        "tallies": counted[: len(tabs)],
        "reports": _reports(request),
        "practice": _practice(request, filters),
        "since": since,
        "urgencies": Urgency.choices,
        "sites": BodySite.choices,
        "ai_kinds": AiKind.choices,
        "stages": ReadStage.choices,
        "views": list(zip(views, counted[len(tabs) :], strict=True)),
        "is_as_it_opens": filters.are_those_of(_first_tab(request)),
        "sorts": [choice for choice in Sort.choices if choice[0] != "urgency" or filters.tab != "signed"],
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
        "tallies": tallies.count(request.user, clinic, tallies.of_tabs(filters)),
        "reports": _reports(request),
        "since": since,
        "arrived": listing.arrived_since(request.user, clinic, filters, since),
    }
    return render(request, "cases/worklist/_counts.html", context)


@require_POST
@requires(Capability.VIEW_RECORD)
def save_view(request: HttpRequest) -> HttpResponse:
    """Keeps the filters that the list shows under a name."""
    filters = Filters.read(request.POST)
    try:
        saved_views.save(signed_in_person(request), clinic_of(request), request.POST.get("name", ""), filters.query)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(f"{reverse('worklist')}?{filters.query}")


@require_POST
@requires(Capability.VIEW_RECORD)
def delete_view(request: HttpRequest) -> HttpResponse:
    saved_views.delete(signed_in_person(request), clinic_of(request), request.POST.get("name", ""))
    return redirect("worklist")


@require_GET
@requires(Capability.SIGN_READS)
def next_case(request: HttpRequest) -> HttpResponse:
    """To the case that comes next; `from` names the case that the reader leaves."""
    leaving = passing.case_id(request.GET.get("from", ""))
    return passing.announced(request, leaving) if is_fetched_ahead(request) else passing.to_next(request, leaving)
