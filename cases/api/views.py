"""What the API's views of the record share."""

from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import mixins, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.api import HoldsARole
from accounts.models import User
from accounts.roles import Capability
from cases.access import VIEW
from cases.api.repeats import AnswersOnce
from cases.views.doors import find


class RecordViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, AnswersOnce):
    """Lists and shows the rows of one function of cases/access.py, which also decides what is found at all."""

    related: tuple[str, ...] = ()
    permission_classes = [HoldsARole]
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet:
        if getattr(self, "swagger_fake_view", False):  # the OpenAPI document is made without a person
            return super().get_queryset()
        return self.told(self.records(self.request.user).select_related(*self.related))

    def told(self, rows: QuerySet) -> QuerySet:
        """`rows` with what the list has to know of each, such as what is hidden."""
        return rows

    @property
    def person(self) -> User:
        # The permission class has let nobody else in.
        return cast(User, self.request.user)

    def found(self, capability: Capability = VIEW) -> Any:
        """The record in the address; 404 if unknown or foreign, 403 if its clinic does not grant `capability`."""
        return find(self.records, self.person, capability, *self.related, id=self.kwargs["pk"])

    def get_object(self) -> Any:
        return self.found()

    def valid(self, request: Request, *, partial: bool = False, of: Any = None) -> BaseSerializer:
        serializer = self.get_serializer(of, data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        return serializer

    def answer(self, record: Any, *, created: bool = False) -> Response:
        body = self.get_serializer(record).data
        return Response(body, status=status.HTTP_201_CREATED if created else status.HTTP_200_OK)

    def is_new(self, record_id: UUID | None) -> bool:
        """Whether a POST with this client-made id creates, or repeats what is there already (200 instead of 201)."""
        queryset = self.records(self.request.user)
        return record_id is None or not queryset.filter(id=record_id).exists()
