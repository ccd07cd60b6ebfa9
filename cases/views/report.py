"""The report of a case as a page and as a PDF, the mark that it was printed or sent, and the list of those to do."""

from http import HTTPStatus
from uuid import UUID

import structlog
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_GET, require_POST
from uuid6 import uuid7

from accounts.access import can
from accounts.doors import requires, signed_in
from accounts.middleware import clinic_of
from accounts.roles import Capability
from cases import access
from cases.errors import Refused
from cases.models import Case, Delivery
from cases.report import content, deliveries
from cases.report import pdf as report_pdf
from cases.report.content import Report
from cases.views.doors import find, signed_in_person
from cases.views.passing import case_id as parsed_id
from cases.views.said import saved

log = structlog.get_logger(__name__)
PAGE_ROWS = 25


def written(request: HttpRequest, case_id: UUID) -> Report:
    """The report that the address asks for: `version`, or the one that stands.

    Raises:
        Http404: there is no such case in this person's clinics.
        Refused: the case is not signed, or has no such version.
    """
    case = content.with_content(access.cases(request.user)).filter(id=case_id).first()
    if case is None:
        raise Http404
    version = request.GET.get("version", "")
    return content.of(case, int(version) if version.isdecimal() and len(version) < 6 else None)


def pdf(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """The answer with the PDF, for this person's eyes only; `paper` is A4 or Letter.

    Raises:
        Http404, Refused: as `written`.
    """
    asked = written(request, case_id)
    paper = "Letter" if request.GET.get("paper", "").lower() == "letter" else "A4"
    etag = quote_etag(f"{asked.digest}-{paper}-{asked.newest_version}")
    answer = get_conditional_response(request, etag=etag)
    if not isinstance(answer, HttpResponse):
        answer = HttpResponse(report_pdf.render(asked, paper), content_type="application/pdf")
        shown = "attachment" if "download" in request.GET else "inline"
        answer["Content-Disposition"] = f'{shown}; filename="{asked.file_name}"'
        log.info("report_opened", case=str(case_id), version=asked.version, by=str(signed_in_person(request).id))
    answer["ETag"] = etag
    answer["Cache-Control"] = "private, no-cache"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@require_GET
@signed_in
def report_page(request: HttpRequest, case_id: UUID) -> HttpResponse:
    try:
        shown = written(request, case_id)
    except Refused as refusal:
        return _refused(request, case_id, refusal)
    context = {
        "report": shown,
        "case": shown.case,
        "versions": range(1, shown.newest_version + 1),
        "deliveries": list(deliveries.of(shown.case)),
        "ways": Delivery.choices,
        "delivery_id": uuid7(),
        "may_mark": shown.is_current and can(request.user, shown.case.clinic_id, Capability.LOG_CASES),
    }
    return render(request, "cases/report/page.html", context)


@require_GET
@signed_in
def report_file(request: HttpRequest, case_id: UUID) -> HttpResponse:
    try:
        return pdf(request, case_id)
    except Refused as refusal:
        return _refused(request, case_id, refusal)


@require_POST
@signed_in
def report_mark(request: HttpRequest, case_id: UUID) -> HttpResponse:
    case = find(access.cases, request.user, Capability.LOG_CASES, id=case_id)
    try:
        deliveries.mark(
            case_id=case.id,
            by=signed_in_person(request),
            delivery_id=parsed_id(request.POST.get("delivery_id", "")) or uuid7(),
            how=request.POST.get("how", ""),
            digest=request.POST.get("digest", ""),
        )
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        saved(request)
    return redirect("report_page", case.id)


@require_GET
@requires(Capability.VIEW_RECORD)
def report_list(request: HttpRequest) -> HttpResponse:
    """The reports that are still to be printed or sent."""
    found = deliveries.ready(request.user, clinic_of(request)).select_related("lesion__patient")
    page = Paginator(found, PAGE_ROWS).get_page(request.GET.get("page"))
    rows = deliveries.rows(list(page.object_list))
    return render(request, "cases/report/list.html", {"page": page, "rows": rows})


def _refused(request: HttpRequest, case_id: UUID, refusal: Refused) -> HttpResponse:
    case: Case = find(access.cases, request.user, id=case_id)
    status = HTTPStatus.NOT_FOUND if refusal.code == "no_version" else HTTPStatus.CONFLICT
    return render(request, "cases/report/none.html", {"case": case, "problem": refusal}, status=status)
