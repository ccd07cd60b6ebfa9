"""What the doors of pages share: finding the one record that a page is about, and leading on to the next page."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect

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
    seen = records(person)
    # Both at once, because nearly everybody who asks for a record may also do with it what they are about to do.
    allowed = seen if capability == VIEW else seen & records(person, capability)
    record = allowed.select_related(*related).filter(**lookup).first() if related else allowed.filter(**lookup).first()
    if record is not None:
        return record
    if capability != VIEW and seen.filter(**lookup).exists():
        raise PermissionDenied
    raise Http404


def signed_in_person(request: HttpRequest) -> User:
    """Who acts; for views behind a guard of accounts/doors.py."""
    assert isinstance(request.user, User)
    return request.user


def is_script(request: HttpRequest) -> bool:
    """Whether a page's script asks, which goes to the next page by itself."""
    return request.accepts("application/json") and not request.accepts("text/html")


def to_page(request: HttpRequest, address: str) -> HttpResponse:
    """On to `address`: by a redirect, or told to the script that asked."""
    return JsonResponse({"next": address}) if is_script(request) else redirect(address)
