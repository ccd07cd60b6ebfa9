"""REST API: what a model says about a photo."""

from urllib.parse import urlencode
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.roles import Capability
from cases import access
from cases.api.views import RecordViewSet
from cases.errors import wrong_state
from cases.models import Prediction, PredictionState
from cases.prediction import asking
from cases.views import photos as pages


class ProbabilitySerializer(serializers.Serializer):
    condition = serializers.CharField(help_text="a condition's code")
    probability = serializers.FloatField(min_value=0, max_value=1)
    heatmap = serializers.URLField(
        allow_null=True,
        help_text="where in the photo, as a transparent PNG to lay over the upright copy; null where it cannot say",
    )


class ModelNameSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class PredictionSerializer(serializers.ModelSerializer):
    case = serializers.UUIDField(source="image.case_id", read_only=True)
    model_version = ModelNameSerializer(read_only=True)
    answers = serializers.DictField(read_only=True, help_text="the clinical answers that the model saw")
    probabilities = serializers.SerializerMethodField(help_text="calibrated, highest first; null without a result")
    answer_set = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        allow_null=True,
        help_text="the smallest set of conditions that holds the right one as often as answer_set_coverage says",
    )

    class Meta:
        model = Prediction
        fields = [
            "id",
            "image",
            "case",
            "model_version",
            "state",
            "reason",
            "queued_at",
            "finished_at",
            "duration_ms",
            "answers",
            "probabilities",
            "answer_set",
            "answer_set_coverage",
            "malignant_probability",
            "urgent",
            "uncertain",
            "novelty",
            "strange",
        ]
        read_only_fields = fields
        extra_kwargs = {
            "answer_set_coverage": {"help_text": "how often, in per cent, such a set holds the right condition"},
            "novelty": {"help_text": "how unlike the photos that the model learnt from; null without that check"},
            "strange": {"help_text": "it does not look like a photo of a lesion: a doctor must look at it"},
            "uncertain": {"help_text": "the model abstains: a doctor must read"},
            "reason": {"help_text": "why there is no result, for people"},
        }

    @extend_schema_field(ProbabilitySerializer(many=True, allow_null=True))
    def get_probabilities(self, prediction: Prediction) -> list[dict[str, object]] | None:
        if prediction.probabilities is None:
            return None
        base = reverse("api-prediction-heatmap", args=[prediction.id], request=self.context["request"])

        def heatmap(code: str) -> str | None:
            return f"{base}?{urlencode({'condition': code})}" if prediction.map_rows else None

        return [
            {"condition": code, "probability": value, "heatmap": heatmap(code)}
            for code, value in prediction.probabilities
        ]


class PredictionFilter(django_filters.FilterSet):
    case = django_filters.UUIDFilter(field_name="image__case")
    image = django_filters.UUIDFilter()
    model_version = django_filters.UUIDFilter()
    state = django_filters.MultipleChoiceFilter(choices=PredictionState.choices)

    class Meta:
        model = Prediction
        fields: list[str] = []


@extend_schema(tags=["predictions"])
@extend_schema_view(
    list=extend_schema(summary="List predictions"),
    retrieve=extend_schema(
        summary="One prediction",
        description="Made with each photo of consenting patients. Poll until `state` is neither queued nor running.",
    ),
)
class PredictionViewSet(RecordViewSet):
    queryset = Prediction.objects.none()
    records = staticmethod(access.predictions)
    related = ("image", "model_version")
    serializer_class = PredictionSerializer
    filterset_class = PredictionFilter

    def get_queryset(self) -> QuerySet[Prediction]:
        # Kilobytes a row that no answer here needs.
        return super().get_queryset().defer("maps", "embedding", "model_version__metrics")

    @extend_schema(
        summary="Where in the photo the model sees a condition",
        parameters=[OpenApiParameter("condition", str, description="a condition's code; without it the most probable")],
        responses={(200, "image/png"): OpenApiTypes.BINARY},
        filters=False,
    )
    @action(detail=True)
    def heatmap(self, request: Request, pk: UUID) -> HttpResponseBase:
        return pages.heatmap(request._request, pk)

    @extend_schema(
        summary="Queue a failed prediction again",
        description="Where its model was retired since, the active one is asked, and its prediction is the answer.",
        request=None,
        responses=PredictionSerializer,
    )
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: UUID) -> Response:
        prediction = self.found(Capability.LOG_CASES)
        queued = asking.retry(prediction)
        if queued is None:
            raise wrong_state(prediction.get_state_display())
        return self.answer(self.get_queryset().get(id=queued.id))
