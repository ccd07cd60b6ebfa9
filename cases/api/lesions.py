"""REST API: lesions."""

from typing import Any
from uuid import UUID

import django_filters
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.roles import Capability
from cases import access
from cases.api.fields import RecordField
from cases.api.preconditions import TaggedRecordViewSet
from cases.models import Lesion
from cases.record import lesions

EXAMPLE = OpenApiExample(
    "On the left forearm",
    value={
        "patient": "0192f7c0-0000-7000-8000-000000000001",
        "body_site": "forearm",
        "side": "left",
        "note": "two fingers above the wrist",
    },
    request_only=True,
)


class LesionSerializer(serializers.ModelSerializer):
    id = serializers.UUIDField(required=False, help_text="made by you, so that a repeated request is one lesion")
    patient = RecordField(access.patients, Capability.LOG_CASES)

    class Meta:
        model = Lesion
        fields = ["id", "patient", "body_site", "side", "note", "created_at"]
        read_only_fields = ["created_at"]

    def validate(self, fields: dict[str, Any]) -> dict[str, Any]:
        if self.instance is None:
            return fields
        # A lesion never moves to another patient.
        return {name: value for name, value in fields.items() if name not in ("id", "patient")}


class LesionFilter(django_filters.FilterSet):
    patient = django_filters.UUIDFilter()

    class Meta:
        model = Lesion
        fields: list[str] = []


@extend_schema(tags=["lesions"])
@extend_schema_view(list=extend_schema(summary="List lesions"), retrieve=extend_schema(summary="One lesion"))
class LesionViewSet(TaggedRecordViewSet):
    queryset = Lesion.objects.none()
    records = staticmethod(access.lesions)
    serializer_class = LesionSerializer
    filterset_class = LesionFilter

    @extend_schema(
        summary="Add a lesion to a patient",
        examples=[EXAMPLE],
        responses={201: LesionSerializer, 200: LesionSerializer},
    )
    def create(self, request: Request) -> Response:
        fields = self.valid(request).validated_data
        lesion_id = self.id_for(fields)
        new = self.is_new(lesion_id)
        return self.answer(lesions.add(lesion_id=lesion_id, **fields), created=new)

    @extend_schema(summary="Correct where the lesion is")
    def partial_update(self, request: Request, pk: UUID) -> Response:
        with self.unchanged(Capability.LOG_CASES) as lesion:
            fields = self.valid(request, partial=True, of=lesion).validated_data
            return self.answer(lesions.change(lesion.id, by=self.person, **fields))
