"""The frame around every page: where this person may go."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from accounts.access import can
from accounts.models import User
from accounts.roles import Capability


@dataclass(frozen=True)
class Entry:
    label: str
    url: str
    icon: str
    active: bool


_ENTRIES = [
    # label, url name, icon, capability
    (_("Worklist"), "worklist", "list", Capability.VIEW_RECORD),
    (_("Patients"), "patient_list", "users", Capability.VIEW_RECORD),
    (_("New case"), "case_new", "plus", Capability.LOG_CASES),
    (_("Models"), "model_list", "brain", Capability.MANAGE_MODELS),
    (_("Admin"), "admin:index", "settings", Capability.OPEN_ADMIN),
]


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context of templates/base.html: `nav`, `current_clinic`, `clinics`, and `can` as a set of capability names."""
    user, clinic = getattr(request, "user", None), getattr(request, "clinic", None)
    if not isinstance(user, User) or clinic is None:
        return {"nav": [], "current_clinic": None, "clinics": [], "can": set()}
    here = [membership for membership in user.held_memberships if membership.clinic_id == clinic.id]
    nav = []
    for label, name, icon, capability in _ENTRIES:
        if not can(user, clinic, capability):
            continue
        try:
            url = reverse(name)
        except NoReverseMatch:
            continue
        nav.append(Entry(str(label), url, icon, request.path.startswith(url)))
    return {
        "nav": nav,
        "current_clinic": clinic,
        "clinics": list({membership.clinic for membership in user.held_memberships}),
        "can": {str(capability) for membership in here for capability in membership.capabilities},
    }
