"""The frame around every page: where this person may go."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from accounts.access import can
from accounts.models import User
from accounts.roles import Capability
from cases.notifications import inbox


@dataclass(frozen=True)
class Entry:
    label: str
    url: str
    icon: str
    active: bool


_ENTRIES = [
    # label, url name, icon, the capabilities of which one opens it
    (_("Worklist"), "worklist", "list", (Capability.VIEW_RECORD,)),
    (_("Patients"), "patient_list", "users", (Capability.VIEW_RECORD,)),
    (_("New case"), "case_new", "plus", (Capability.LOG_CASES,)),
    (_("Reports"), "report_list", "file-text", (Capability.LOG_CASES,)),
    (_("Figures"), "figures", "chart-bar", (Capability.SEE_FIGURES, Capability.SIGN_READS)),
    (_("Practice"), "practice", "clipboard-check", (Capability.SIGN_READS,)),
    (_("Models"), "model_list", "brain", (Capability.MANAGE_MODELS,)),
    (_("Admin"), "admin:index", "settings", (Capability.OPEN_ADMIN,)),
]

# Addresses of pages that an entry leads to and that do not begin as its own does.
_BELONGS_TO = {"model_list": ("/training/",)}


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context of templates/base.html: `nav`, `current_clinic`, `clinics`, `unread` (how many notifications are new),
    and `can` as a set of capability names.
    """
    user, clinic = getattr(request, "user", None), getattr(request, "clinic", None)
    if not isinstance(user, User) or clinic is None:
        return {"nav": [], "current_clinic": None, "clinics": [], "can": set()}
    here = [membership for membership in user.held_memberships if membership.clinic_id == clinic.id]
    nav = []
    for label, name, icon, capabilities in _ENTRIES:
        if not any(can(user, clinic, capability) for capability in capabilities):
            continue
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue
        addresses = (url, *_BELONGS_TO.get(name, ()))
        nav.append(Entry(str(label), url, icon, request.path.startswith(addresses)))
    return {
        "nav": nav,
        "current_clinic": clinic,
        "clinics": list({membership.clinic for membership in user.held_memberships}),
        # Counted by those pages alone that show it: a part of a page does not.
        "unread": SimpleLazyObject(lambda: inbox.unread(user)),
        "can": {str(capability) for membership in here for capability in membership.capabilities},
    }
