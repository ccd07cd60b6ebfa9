"""Serializer fields of the clinical record."""

from collections.abc import Callable
from typing import Any

from django.db.models import Model, QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.roles import Capability
from cases.access import VIEW
from cases.models import Condition, Urgency
from cases.views.doors import find


class RecordField(serializers.PrimaryKeyRelatedField):
    """The id of another record.

    An id that is unknown or a foreign clinic's answers 404 and nothing more; one whose clinic does not give the
    caller `capability` answers 403.
    """

    def __init__(
        self,
        records: Callable[..., QuerySet],
        capability: Capability = VIEW,
        related: tuple[str, ...] = (),
        **options: Any,
    ) -> None:
        self.records, self.capability, self.related = records, capability, related
        super().__init__(pk_field=serializers.UUIDField(), **options)

    def get_queryset(self) -> QuerySet:
        return self.records(self.context["request"].user)

    def to_internal_value(self, data: Any) -> Model:
        pk = serializers.UUIDField().to_internal_value(data)
        return find(self.records, self.context["request"].user, self.capability, *self.related, id=pk)


@extend_schema_field({"type": "string", "enum": [tier.name.lower() for tier in Urgency]})
class UrgencyField(serializers.Field):
    """`urgent`, `soon` or `routine`; the database keeps a number for its index."""

    default_error_messages = {"invalid_choice": "Write one of: urgent, soon, routine."}

    def to_representation(self, value: int) -> str:
        return Urgency(value).name.lower()

    def to_internal_value(self, data: Any) -> Urgency:
        known = {tier.name.lower(): tier for tier in Urgency}
        if not isinstance(data, str) or data not in known:
            self.fail("invalid_choice")
        return known[data]


@extend_schema_field({"type": "string", "enum": [*(tier.name.lower() for tier in Urgency), None], "nullable": True})
class AskedUrgencyField(UrgencyField):
    """An urgency that somebody asked for; null for whom it would tell what the AI said (`CaseSerializer`)."""


class ConditionField(serializers.SlugRelatedField):
    """A condition's code."""

    def __init__(self, queryset: QuerySet[Condition], **options: Any) -> None:
        super().__init__(slug_field="code", queryset=queryset, **options)

    def to_internal_value(self, data: Any) -> Condition:
        if isinstance(data, str) and "\x00" in data:  # PostgreSQL takes no such text
            self.fail("invalid")
        return super().to_internal_value(data)


class PersonSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


@extend_schema_field(PersonSerializer)
class PersonField(serializers.Field):
    """A person as others see them: id and name, never the address."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, **options)

    def to_representation(self, value: Any) -> dict[str, str]:
        return {"id": str(value.id), "name": str(value)}
