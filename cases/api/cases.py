"""REST API: cases, from draft to the worklist and back."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from uuid6 import uuid7

from accounts.roles import Capability
from cases import access, blinding
from cases.api.fields import AskedUrgencyField, PersonField, RecordField, UrgencyField
from cases.api.preconditions import TaggedRecordViewSet
from cases.errors import Refused
from cases.models import Case, CaseState, PhotoFault, PhotoRequest, Urgency
from cases.photo import retakes
from cases.record import lifecycle

EXAMPLE = OpenApiExample(
    "A lesion that itches and has grown",
    value={
        "lesion": "0192f7c0-0000-7000-8000-000000000002",
        "requested_urgency": "soon",
        "itch": "yes",
        "grew": "yes",
        "bled": "no",
        "note": "Noticed in spring.",
    },
    request_only=True,
)


class CaseSerializer(serializers.ModelSerializer):
    id = serializers.UUIDField(required=False, help_text="made by you, so that a repeated request is one case")
    lesion = RecordField(access.lesions, Capability.LOG_CASES, related=("patient__clinic",))
    clinic = serializers.UUIDField(source="clinic_id", read_only=True)
    patient = serializers.UUIDField(source="lesion.patient_id", read_only=True)
    requested_urgency = AskedUrgencyField(
        required=False, help_text="what staff ask for; null while the AI's opinion is hidden from you"
    )
    flagged_by_ai = serializers.BooleanField(
        read_only=True, allow_null=True, help_text="null while the AI's opinion is hidden from you"
    )
    urgency = UrgencyField(read_only=True, help_text="the more urgent of what was asked for and the AI's flag")
    created_by = PersonField()

    class Meta:
        model = Case
        fields = [
            "id",
            "clinic",
            "number",
            "patient",
            "lesion",
            "state",
            "requested_urgency",
            "flagged_by_ai",
            "urgency",
            *Case.QUESTIONS,
            "note",
            "created_at",
            "created_by",
            "waiting_since",
            "signed_at",
            "questioned_at",
            "withdrawn_reason",
        ]
        read_only_fields = [
            "number",
            "state",
            "flagged_by_ai",
            "created_at",
            "waiting_since",
            "signed_at",
            "questioned_at",
            "withdrawn_reason",
        ]
        extra_kwargs = {
            "questioned_at": {
                "help_text": "since when a signed case is in question: what was read after the signature is not what "
                "stood before, and nobody has settled or confirmed it; null otherwise, and while reads are hidden"
            }
        }

    def to_representation(self, case: Case) -> dict[str, Any]:
        told = super().to_representation(case)
        hidden = getattr(case, "ai_is_hidden", None)  # said by the list; a single case is asked for
        if blinding.hides_ai(self.context["request"].user, case) if hidden is None else hidden:
            # Each tells the other, as the urgency is the more urgent of both.
            told |= {"requested_urgency": None, "flagged_by_ai": None}
        if case.questioned_at and self._hides_reads(case):
            told["questioned_at"] = None  # it tells that readers disagree
        return told

    def _hides_reads(self, case: Case) -> bool:
        hidden = getattr(case, "reads_are_hidden", None)
        return blinding.hides_reads(self.context["request"].user, case) if hidden is None else hidden

    def validate(self, fields: dict[str, Any]) -> dict[str, Any]:
        if self.instance is None:
            return fields
        # A case never moves to another lesion.
        return {name: value for name, value in fields.items() if name not in ("id", "lesion")}


class WithdrawalSerializer(serializers.Serializer):
    reason = serializers.CharField(max_length=200)


class WantedPhotosSerializer(serializers.ModelSerializer):
    id = serializers.UUIDField(required=False, help_text="made by you, so that a repeated request asks once")
    faults = serializers.MultipleChoiceField(choices=PhotoFault.choices, required=False, default=set)
    photo = RecordField(
        access.images,
        required=False,
        allow_null=True,
        default=None,
        help_text="the one to be taken again; null: it is about the case's photos as a whole",
    )
    asked_by = PersonField()

    class Meta:
        model = PhotoRequest
        fields = ["id", "faults", "note", "photo", "asked_by", "asked_at"]
        read_only_fields = ["asked_at"]

    def to_representation(self, asked: PhotoRequest) -> dict[str, Any]:
        return {**super().to_representation(asked), "faults": asked.faults}  # a list, in the form's order


class UrgencyFilter(django_filters.ChoiceFilter):
    """Takes the words that the API speaks."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=[(tier.name.lower(), tier.label) for tier in Urgency], **options)

    def filter(self, qs: QuerySet, value: str | None) -> QuerySet:
        return super().filter(qs, Urgency[value.upper()] if value else value)


class CaseFilter(django_filters.FilterSet):
    clinic = django_filters.UUIDFilter()
    patient = django_filters.UUIDFilter(field_name="lesion__patient")
    lesion = django_filters.UUIDFilter()
    state = django_filters.MultipleChoiceFilter(choices=CaseState.choices)
    urgency = extend_schema_field({"type": "string", "enum": [tier.name.lower() for tier in Urgency]})(UrgencyFilter)()
    flagged_by_ai = django_filters.BooleanFilter(
        help_text="neither of both finds a case whose AI opinion is hidden from you"
    )
    in_question = django_filters.BooleanFilter(
        method="by_question", help_text="signed, and not yet settled or confirmed what was read after the signature"
    )
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Case
        fields: list[str] = []

    def by_question(self, found: QuerySet, name: str, value: bool) -> QuerySet:
        shown = Q(questioned_at__isnull=False, reads_are_hidden=False)  # as the list shows it
        return found.filter(shown if value else ~shown)

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        found, asked = super().filter_queryset(queryset), self.form.cleaned_data
        if asked["flagged_by_ai"] is None:
            return found
        return blinding.showing_ai(self.request.user, found, states=asked["state"])


@extend_schema(tags=["cases"])
@extend_schema_view(list=extend_schema(summary="List cases"), retrieve=extend_schema(summary="One case"))
class CaseViewSet(TaggedRecordViewSet):
    queryset = Case.objects.none()
    records = staticmethod(access.cases)
    related = ("lesion", "created_by")
    serializer_class = CaseSerializer
    filterset_class = CaseFilter

    def told(self, rows: QuerySet) -> QuerySet:
        return rows.annotate(
            ai_is_hidden=blinding.ai_hidden_here(self.person), reads_are_hidden=blinding.reads_hidden_here(self.person)
        )

    def changeable_unseen(self, case: Case, shown: Mapping[str, Any]) -> Iterable[object]:
        is_hidden = shown["requested_urgency"] is None
        may_change = is_hidden and not blinding.hides_what_was_asked(self.person, case, ai_is_hidden=True)
        return [case.requested_urgency] if may_change else []

    @extend_schema(
        summary="Log a case as a draft", examples=[EXAMPLE], responses={201: CaseSerializer, 200: CaseSerializer}
    )
    def create(self, request: Request) -> Response:
        fields = self.valid(request).validated_data
        case_id = self.id_for(fields)
        new = self.is_new(case_id)
        return self.answer(lifecycle.log_case(by=self.person, case_id=case_id, **fields), created=new)

    @extend_schema(summary="Change the answers, the note or the urgency of an open case")
    def partial_update(self, request: Request, pk: UUID) -> Response:
        with self.unchanged(Capability.LOG_CASES) as case:
            fields = self.valid(request, partial=True, of=case).validated_data
            if "requested_urgency" in fields and blinding.hides_what_was_asked(self.person, case):
                # Asked to be lowered, an urgency that stays would tell that it is the AI's.
                raise Refused(_("You can change the urgency once the AI's opinion is shown to you."), code="ai_hidden")
            return self.answer(lifecycle.change(case.id, **fields))

    @extend_schema(summary="Send a draft to the doctors", request=None, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def send(self, request: Request, pk: UUID) -> Response:
        with self.unchanged(Capability.LOG_CASES) as case:
            return self.answer(lifecycle.send(case.id))

    @extend_schema(summary="Take an open case off every list", request=WithdrawalSerializer, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: UUID) -> Response:
        with self.unchanged(Capability.LOG_CASES) as case:
            wish = WithdrawalSerializer(data=request.data)
            wish.is_valid(raise_exception=True)
            return self.answer(lifecycle.withdraw(case.id, wish.validated_data["reason"]))

    @extend_schema(
        summary="Send a waiting case back for better photos",
        request=WantedPhotosSerializer,
        responses=CaseSerializer,
    )
    @action(detail=True, methods=["post"], url_path="photos-wanted", url_name="photos-wanted")
    def photos_wanted(self, request: Request, pk: UUID) -> Response:
        with self.unchanged(Capability.SIGN_READS) as case:
            wish = WantedPhotosSerializer(data=request.data, context=self.get_serializer_context())
            wish.is_valid(raise_exception=True)
            fields = wish.validated_data
            request_id, photo = self.id_for(fields) or uuid7(), fields.pop("photo")
            photo_id = photo.id if photo else None
            retakes.ask(case_id=case.id, by=self.person, request_id=request_id, photo=photo_id, **fields)
            return self.answer(self.found())

    @extend_schema(summary="Which photos a case was sent back for", responses=WantedPhotosSerializer)
    @photos_wanted.mapping.get
    def photos_asked_for(self, request: Request, pk: UUID) -> Response:
        asked = retakes.open_request(self.found())
        if asked is None:
            raise Http404
        return Response(WantedPhotosSerializer(asked).data)

    @extend_schema(summary="Undo a withdrawal", request=None, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: UUID) -> Response:
        with self.unchanged(Capability.LOG_CASES) as case:
            return self.answer(lifecycle.restore(case.id))
