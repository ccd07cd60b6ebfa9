"""The clinic's figures, the same numbers as CSV, and the cases behind each."""

import csv
from datetime import timedelta
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import can
from accounts.doors import requires
from accounts.middleware import clinic_of
from accounts.roles import Capability
from cases.figures import dashboard
from cases.figures.figure import Figure, csv_head, csv_row, named
from cases.figures.scope import Scope
from cases.views.doors import signed_in_person
from cases.worklist import listing

PAGE_ROWS = 25
_SPANS = (30, 90, 365)


def _scope(request: HttpRequest) -> Scope:
    return Scope.read(request.GET.dict(), signed_in_person(request), clinic_of(request))


@require_safe
@requires(Capability.VIEW_RECORD)
def figures(request: HttpRequest) -> HttpResponse:
    """One section of the figures, `?show=`; `from` and `to` say of which days."""
    scope = _scope(request)
    sections = dashboard.sections(scope)
    section = next((each for each in sections if each == request.GET.get("show")), sections[0])
    context = {
        "sections": sections,
        "section": section,
        "figures": dashboard.figures(scope, section),
        "spans": _spans(scope),
        **_frame(request, scope),
    }
    return render(request, "cases/figures/figures.html", context)


@require_safe
@requires(Capability.VIEW_RECORD)
def figure_csv(request: HttpRequest, key: str) -> HttpResponse:
    scope = _scope(request)
    figure = _found(scope, key)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{key}-{scope.first}-{scope.last}.csv"'
    response["Cache-Control"] = "private, no-store"
    lines = csv.writer(response)
    lines.writerow(csv_head(figure))
    lines.writerows(csv_row(row) for row in figure.rows)
    return response


@require_safe
@requires(Capability.VIEW_RECORD)
def figure_cases(request: HttpRequest, key: str) -> HttpResponse:
    """The cases behind one row of a figure, `?at=`, or behind one number of it, `&of=`; the newest first."""
    scope = _scope(request)
    figure = _found(scope, key)
    row, of = figure.row(request.GET.get("at", "")), request.GET.get("of", "")
    link = row.link(of) if row else None
    behind = (link.behind.filter if link else None) if of else row and row.behind
    # Asked for by their ids: a filter by what a case has several of would list it several times.
    wanted = scope.cases().filter(id__in=scope.cases().filter(behind).values("id")) if behind else scope.cases().none()
    shown = listing.with_what_a_row_shows(request.user, wanted).order_by("-created_at", "-id")
    pages = Paginator(shown, PAGE_ROWS)
    if behind and (number := named(behind)) is not None:
        pages.count = number
    page = pages.get_page(request.GET.get("page"))
    context = {
        "figure": figure,
        "row": row,
        "column": figure.column(of) if link else "",
        "page": page,
        "rows": listing.rows(page, scope.condition_names),
        "section": dashboard.ENTRIES[key].section,
        **_frame(request, scope),
    }
    return render(request, "cases/figures/cases.html", context)


def _found(scope: Scope, key: str) -> Figure:
    figure = dashboard.figure(scope, key)
    if figure is None:
        raise Http404
    return figure


def _frame(request: HttpRequest, scope: Scope) -> dict[str, Any]:
    return {
        "scope": scope,
        # Those who see all may look at what they have read themselves.
        "may_narrow": all(
            can(request.user, scope.clinic, each) for each in (Capability.SEE_FIGURES, Capability.SIGN_READS)
        ),
    }


def _spans(scope: Scope) -> list[dict[str, Any]]:
    """The times that one click chooses."""
    today = timezone.localdate(timezone=scope.zone)
    found = []
    for days in _SPANS:
        first = today - timedelta(days=days - 1)
        found.append(
            {
                "name": _("%(days)s days") % {"days": days},
                "first": first,
                "last": today,
                "active": (scope.first, scope.last) == (first, today),
            }
        )
    return found
