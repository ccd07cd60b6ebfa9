"""Filters of the worklist under a name: one person's, in one clinic."""

from urllib.parse import parse_qsl

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import Clinic, User
from cases.errors import Refused
from cases.models import SavedView
from cases.worklist.filters import Filters

MOST = 20


def of(owner: User, clinic: Clinic) -> QuerySet[SavedView]:
    return SavedView.objects.filter(owner=owner, clinic=clinic)


def filters_of(view: SavedView) -> Filters:
    return Filters.read(dict(parse_qsl(view.query)))


def save(owner: User, clinic: Clinic, name: str, query: str) -> SavedView:
    """Keeps `query` under `name`; a view of that name is replaced.

    Raises:
        Refused: no name, or too many views.
    """
    name = " ".join(name.split())[:60]
    if not name:
        raise Refused(_("Give the view a name."), code="name")
    mine = of(owner, clinic)
    if not mine.filter(name=name).exists() and mine.count() >= MOST:
        raise Refused(_("You have %(most)s views. Delete one first.") % {"most": MOST}, code="too_many")
    view, _created = SavedView.objects.update_or_create(
        owner=owner, clinic=clinic, name=name, defaults={"query": query}
    )
    return view


def delete(owner: User, clinic: Clinic, name: str) -> None:
    of(owner, clinic).filter(name=name).delete()
