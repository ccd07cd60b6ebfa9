"""REST API: reads. Signed once and never changed; a correction is a new read."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from uuid6 import uuid7

from accounts.roles import Capability
from cases import access, blinding
from cases.api.fields import ConditionField, PersonField, RecordField
from cases.api.views import RecordViewSet
from cases.models import Condition, Read
from cases.reading import reads

EXAMPLE = OpenApiExample(
    "Sign as nevus",
    value={
        "case": "0192f7c0-0000-7000-8000-000000000003",
        "condition": "NEV",
        "certainty": "probable",
        "management": "discharge",
        "comment": "Regular network.",
        "ai_visible": True,
        "prediction": "0192f7c0-0000-7000-8000-000000000004",
        "newest_seen": None,
    },
    request_only=True,
)


class ReadSerializer(serializers.ModelSerializer):
    id = serializers.UUIDField(required=False, help_text="made by you, so that a repeated request signs once")
    case = RecordField(access.cases, Capability.SIGN_READS)
    reader = PersonField(
        allow_null=True, help_text="null while you are the one to settle what the case's readers disagree on"
    )
    condition = ConditionField(Condition.objects.filter(is_offered=True))
    prediction = RecordField(
        access.predictions,
        related=("image",),
        required=False,
        allow_null=True,
        help_text="the AI's opinion that the reader saw",
    )
    prediction_finished_at = serializers.DateTimeField(
        write_only=True,
        required=False,
        allow_null=True,
        default=None,
        help_text="`finished_at` of that opinion, so that one computed anew is noticed",
    )
    newest_seen = serializers.UUIDField(
        write_only=True,
        required=False,
        allow_null=True,
        default=None,
        help_text="the newest read of the case that the reader knew; null for an unread case",
    )

    class Meta:
        model = Read
        fields = [
            "id",
            "case",
            "reader",
            "condition",
            "certainty",
            "management",
            "comment",
            "ai_visible",
            "prediction",
            "prediction_finished_at",
            "corrects",
            "signed_at",
            "newest_seen",
        ]
        read_only_fields = ["corrects", "signed_at"]
        extra_kwargs = {"ai_visible": {"required": True}}

    def to_representation(self, read: Read) -> dict[str, Any]:
        told = super().to_representation(read)
        hidden = getattr(read, "names_are_hidden", None)  # said by the list; a single read is asked for
        if hidden is None:
            hidden = blinding.hides_names(self.context["request"].user, read.case, read.case.reads.all())
        return told | {"reader": None} if hidden else told


class ReadFilter(django_filters.FilterSet):
    case = django_filters.UUIDFilter()
    reader = django_filters.UUIDFilter(
        method="by_reader", help_text="finds no read whose reader's name is hidden from you"
    )
    condition = django_filters.CharFilter(field_name="condition__code")
    signed_after = django_filters.IsoDateTimeFilter(field_name="signed_at", lookup_expr="gte")
    signed_before = django_filters.IsoDateTimeFilter(field_name="signed_at", lookup_expr="lt")

    class Meta:
        model = Read
        fields: list[str] = []

    def by_reader(self, found: QuerySet, name: str, value: UUID) -> QuerySet:
        return found.filter(reader=value, names_are_hidden=False)


@extend_schema(tags=["reads"])
@extend_schema_view(list=extend_schema(summary="List reads"), retrieve=extend_schema(summary="One read"))
class ReadViewSet(RecordViewSet):
    queryset = Read.objects.none()
    records = staticmethod(access.reads)
    related = ("reader", "condition")
    serializer_class = ReadSerializer
    filterset_class = ReadFilter

    def told(self, rows: QuerySet) -> QuerySet:
        return rows.annotate(names_are_hidden=blinding.names_hidden_here(self.person))

    @extend_schema(
        summary="Sign a read, and with it the case",
        examples=[EXAMPLE],
        responses={201: ReadSerializer, 200: ReadSerializer},
    )
    def create(self, request: Request) -> Response:
        fields = self.valid(request).validated_data
        read_id = self.id_for(fields)
        new = self.is_new(read_id)
        case = fields.pop("case")
        read = reads.sign(case_id=case.id, reader=self.person, read_id=read_id or uuid7(), **fields)
        return self.answer(read, created=new)
