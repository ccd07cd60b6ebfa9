"""REST API: the report of a signed case, as the PDF that staff print."""

from collections.abc import Iterable
from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.api import HoldsARole
from cases.api.schema import ProblemSerializer
from cases.views import report


class WhateverIsAccepted(BaseContentNegotiation):
    """A file has the type that it has; a refusal is JSON. `Accept: application/pdf` must not be refused."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type or ""


class CaseReportView(APIView):
    permission_classes = [HoldsARole]
    content_negotiation_class = WhateverIsAccepted

    @extend_schema(
        tags=["cases"],
        operation_id="cases_report_retrieve",
        summary="The report of a signed case as PDF",
        parameters=[
            OpenApiParameter("version", int, description="counts from 1; without it the one that stands"),
            OpenApiParameter("paper", str, enum=["A4", "Letter"], description="A4 without it"),
        ],
        responses={
            (200, "application/pdf"): OpenApiTypes.BINARY,
            (409, "application/json"): OpenApiResponse(ProblemSerializer, "The case is not signed"),
        },
    )
    def get(self, request: Request, pk: UUID) -> HttpResponseBase:
        # DRF has recognised the token; the page's function asks Django's request.
        request._request.user = request.user
        return report.pdf(request._request, pk)
