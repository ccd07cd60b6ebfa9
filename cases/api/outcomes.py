"""REST API: what the biopsy found."""

import django_filters
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Capability
from cases import access
from cases.api.fields import ConditionField, PersonField, RecordField
from cases.api.views import RecordViewSet
from cases.models import Condition, Outcome
from cases.record import outcomes

EXAMPLE = OpenApiExample(
    "Basal cell carcinoma",
    value={
        "case": "0192f7c0-0000-7000-8000-000000000003",
        "condition": "BCC",
        "reported_on": "2026-03-14",
        "pathology_reference": "P-2026-118",
    },
    request_only=True,
)


class OutcomeSerializer(serializers.ModelSerializer):
    case = RecordField(access.cases, Capability.RECORD_OUTCOMES)
    condition = ConditionField(Condition.objects.all())
    recorded_by = PersonField()
    replaces = serializers.DateTimeField(
        write_only=True,
        required=False,
        allow_null=True,
        default=None,
        help_text="to correct a result: the `recorded_at` of the one that you saw",
    )

    class Meta:
        model = Outcome
        fields = [
            "id",
            "case",
            "condition",
            "reported_on",
            "pathology_reference",
            "comment",
            "recorded_at",
            "recorded_by",
            "replaces",
        ]
        read_only_fields = ["id", "recorded_at"]


class OutcomeFilter(django_filters.FilterSet):
    case = django_filters.UUIDFilter()
    condition = django_filters.CharFilter(field_name="condition__code")

    class Meta:
        model = Outcome
        fields: list[str] = []


@extend_schema(tags=["outcomes"])
@extend_schema_view(list=extend_schema(summary="List outcomes"), retrieve=extend_schema(summary="One outcome"))
class OutcomeViewSet(RecordViewSet):
    queryset = Outcome.objects.none()
    records = staticmethod(access.outcomes)
    related = ("condition", "recorded_by")
    serializer_class = OutcomeSerializer
    filterset_class = OutcomeFilter

    @extend_schema(
        summary="Record, or correct, the biopsy's result of a signed case",
        examples=[EXAMPLE],
        responses={201: OutcomeSerializer, 200: OutcomeSerializer},
    )
    def create(self, request: Request) -> Response:
        fields = self.valid(request).validated_data
        case = fields.pop("case")
        new = not Outcome.objects.filter(case=case).exists()
        return self.answer(outcomes.record(case_id=case.id, by=self.person, **fields), created=new)
