"""REST API: the coded vocabulary."""

import django_filters
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets

from accounts.api import HoldsARole
from cases.api.fields import UrgencyField
from cases.models import Condition


class ConditionSerializer(serializers.ModelSerializer):
    urgency = UrgencyField(read_only=True)
    synonyms = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Condition
        fields = ["code", "name", "icd10", "malignant", "urgency", "synonyms", "is_offered"]
        read_only_fields = fields


class ConditionFilter(django_filters.FilterSet):
    is_offered = django_filters.BooleanFilter()
    malignant = django_filters.BooleanFilter()

    class Meta:
        model = Condition
        fields: list[str] = []


@extend_schema(tags=["conditions"])
@extend_schema_view(list=extend_schema(summary="List conditions"), retrieve=extend_schema(summary="One condition"))
class ConditionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    queryset = Condition.objects.all()
    serializer_class = ConditionSerializer
    filterset_class = ConditionFilter
    permission_classes = [HoldsARole]
    cursor_ordering = ("code",)

    def get_object(self) -> Condition:
        if "\x00" in self.kwargs["pk"]:
            raise Http404  # PostgreSQL takes no such text
        return super().get_object()
