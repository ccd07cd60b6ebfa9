"""REST API: patients. Names, MRNs and birth dates travel in bodies, never in addresses, which end up in logs."""

from typing import Any
from uuid import UUID

import django_filters
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import clinics
from accounts.roles import Capability
from cases import access
from cases.api.fields import RecordField
from cases.api.preconditions import TaggedRecordViewSet
from cases.models import Consent, Patient
from cases.record import patients

SEARCH_LIMIT = 50

EXAMPLE = OpenApiExample(
    "A new patient",
    value={
        "mrn": "A-1024",
        "family_name": "Novak",
        "given_name": "Eva",
        "birth_date": "1961-04-02",
        "sex": "female",
        "ai_consent": "granted",
    },
    request_only=True,
)


class PatientSerializer(serializers.ModelSerializer):
    id = serializers.UUIDField(
        required=False, help_text="made by you, so that a repeated request is one patient; best a UUIDv7"
    )
    clinic = RecordField(
        clinics,
        Capability.LOG_CASES,
        required=False,
        help_text="may be left out by those who work in one clinic",
    )

    class Meta:
        model = Patient
        fields = [
            "id",
            "clinic",
            "mrn",
            "family_name",
            "given_name",
            "birth_date",
            "sex",
            "fitzpatrick",
            "ai_consent",
            "ai_consent_at",
            "training_consent",
            "training_consent_at",
            "created_at",
        ]
        read_only_fields = ["ai_consent_at", "training_consent_at", "created_at"]
        # The service answers a taken MRN, in the clinic and spelling that count.
        validators: list[Any] = []

    def validate(self, fields: dict[str, Any]) -> dict[str, Any]:
        if self.instance is not None:
            # Who a patient is and where stays; the rest may be corrected.
            return {name: value for name, value in fields.items() if name not in ("id", "clinic")}
        if "clinic" not in fields:
            own = clinics(self.context["request"].user, Capability.LOG_CASES)[:2]
            if len(own) != 1:
                raise serializers.ValidationError({"clinic": ["Say which of your clinics."]}, code="required")
            fields["clinic"] = own[0]
        return fields


class PatientSearchSerializer(serializers.Serializer):
    text = serializers.CharField(
        max_length=200, help_text="beginnings of names, an MRN, a birth date; every word must match"
    )


class PatientsFoundSerializer(serializers.Serializer):
    results = PatientSerializer(many=True)
    more = serializers.BooleanField(help_text=f"more than {SEARCH_LIMIT} match: add a word")


class PatientFilter(django_filters.FilterSet):
    clinic = django_filters.UUIDFilter()

    class Meta:
        model = Patient
        fields: list[str] = []


@extend_schema(tags=["patients"])
@extend_schema_view(list=extend_schema(summary="List patients"), retrieve=extend_schema(summary="One patient"))
class PatientViewSet(TaggedRecordViewSet):
    queryset = Patient.objects.none()
    records = staticmethod(access.patients)
    serializer_class = PatientSerializer
    filterset_class = PatientFilter
    reading_posts = ("search",)

    @extend_schema(
        summary="Register a patient",
        examples=[EXAMPLE],
        responses={201: PatientSerializer, 200: PatientSerializer},
    )
    def create(self, request: Request) -> Response:
        fields = self.valid(request).validated_data
        patient_id = self.id_for(fields)
        new = self.is_new(patient_id)
        return self.answer(patients.register(by=self.person, patient_id=patient_id, **fields), created=new)

    @extend_schema(summary="Correct a patient's details, or record consent")
    def partial_update(self, request: Request, pk: UUID) -> Response:
        with self.unchanged(Capability.LOG_CASES) as patient:
            fields = self.valid(request, partial=True, of=patient).validated_data
            consents = {kind: fields.pop(f"{kind}_consent", None) for kind in patients.CONSENT_KINDS}
            if fields:
                patients.update(patient, by=self.person, **fields)
            for kind, consent in consents.items():
                if consent is not None:
                    patients.record_consent(patient, kind, Consent(consent), self.person)
            return self.answer(patient)

    @extend_schema(
        summary="Find patients by name, MRN or birth date",
        request=PatientSearchSerializer,
        responses=PatientsFoundSerializer,
        examples=[OpenApiExample("By name and birth date", value={"text": "nov 1961-04-02"}, request_only=True)],
        filters=False,
    )
    @action(detail=False, methods=["post"], pagination_class=None, filter_backends=[])
    def search(self, request: Request) -> Response:
        wish = PatientSearchSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        matches = patients.search(self.get_queryset(), wish.validated_data["text"])[: SEARCH_LIMIT + 1]
        found = self.get_serializer(patients.whole(matches), many=True).data
        return Response({"results": found[:SEARCH_LIMIT], "more": len(found) > SEARCH_LIMIT})
