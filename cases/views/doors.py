"""Finding the one record that a page is about."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest

from accounts.models import User
from accounts.roles import Capability
from cases.access import VIEW, Person

Record = TypeVar("Record", bound=Model)


def find(
    records: Callable[..., QuerySet[Record]],
    person: Person,
    capability: Capability = VIEW,
    *related: str,
    **lookup: Any,
) -> Record:
    """The record of one of the querysets in cases/access.py; `related` goes to `select_related`.

    Raises:
        Http404: there is none, or it is a foreign clinic's; which of both, nobody learns.
        PermissionDenied: the record's clinic did not give `person` the `capability`.
    """
    seen = records(person).select_related(*related) if related else records(person)
    record = seen.filter(**lookup).first()
    if record is None:
        raise Http404
    if capability != VIEW and not records(person, capability).filter(pk=record.pk).exists():
        raise PermissionDenied
    return record


def signed_in_person(request: HttpRequest) -> User:
    """Who acts; for views behind a guard of accounts/doors.py."""
    assert isinstance(request.user, User)
    return request.user
