"""REST API: the registered model versions."""

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inference import promotion
from inference.models import ModelVersion


class MaySeeOrPromoteModels(BasePermission):
    """Asks for `view` or `promote` of model versions, which follow from the roles."""

    message = _("Your role does not allow this.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        action = "view" if getattr(view, "action", None) in ("list", "retrieve", None) else "promote"
        return request.user.has_perm(f"inference.{action}_modelversion")


class ModelVersionSerializer(serializers.ModelSerializer):
    classes = serializers.ListField(child=serializers.CharField(), read_only=True)
    metrics = serializers.DictField(read_only=True, help_text="figures of the model's own test, as its bundle has them")

    class Meta:
        model = ModelVersion
        fields = ["id", "name", "state", "sha256", "classes", "metrics", "created_at", "activated_at"]
        read_only_fields = fields


class PromotionSerializer(serializers.Serializer):
    reason = serializers.CharField(max_length=500)


@extend_schema(tags=["model versions"])
@extend_schema_view(
    list=extend_schema(summary="List model versions"), retrieve=extend_schema(summary="One model version")
)
class ModelVersionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    queryset: QuerySet[ModelVersion] = ModelVersion.objects.all()
    serializer_class = ModelVersionSerializer
    permission_classes = [MaySeeOrPromoteModels]
    lookup_value_converter = "uuid"

    @extend_schema(
        summary="Make this model version the active one",
        description=(
            "For leads of every clinic. 409 with a sentence unless it was compared with the active model on a "
            "held-out test set and was not worse at finding what is malignant."
        ),
        request=PromotionSerializer,
        responses=ModelVersionSerializer,
    )
    @action(detail=True, methods=["post"])
    def promote(self, request: Request, pk: str) -> Response:
        wish = PromotionSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        version = promotion.promote(self.get_object().name, reason=wish.validated_data["reason"], by=str(request.user))
        return Response(self.get_serializer(version).data)
