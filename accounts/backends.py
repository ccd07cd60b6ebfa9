"""Django's permissions, answered from the roles. The tables of `auth.Permission` are never asked."""

from typing import Any, NoReturn

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied

from accounts.access import clinic_ids, everywhere
from accounts.models import User
from accounts.roles import Capability

# What it takes, in any clinic, to (view, write) an app's records in the admin and the API. Which rows a person then
# gets is the querysets' matter (access.py), and what can be done to them at all is each admin class's.
# An app that is not named here is for the platform's operator only.
_NEEDED: dict[str, tuple[Capability, Capability]] = {
    "accounts": (Capability.MANAGE_USERS, Capability.MANAGE_USERS),
    "inference": (Capability.VIEW_RECORD, Capability.MANAGE_MODELS),
    "cases": (Capability.OPEN_ADMIN, Capability.OPEN_ADMIN),
}
# What is decided once for all clinics.
_EVERYWHERE: dict[str, Capability] = {
    "inference.promote_modelversion": Capability.PROMOTE_MODELS,
    "inference.waive_comparison": Capability.WAIVE_COMPARISON,
}


class RoleBackend(BaseBackend):
    """Grants `app.action_model` by role; signs nobody in."""

    def has_perm(self, user_obj: User | AnonymousUser, perm: str, obj: Any = None) -> bool:
        if perm in _EVERYWHERE:
            return everywhere(user_obj, _EVERYWHERE[perm]) or self._refuse()
        app, action = perm.split(".", 1)
        view, write = _NEEDED.get(app, (None, None))
        needed = view if action.startswith("view_") else write
        return self._holds(user_obj, needed) or self._refuse()

    def has_module_perms(self, user_obj: User | AnonymousUser, app_label: str) -> bool:
        view, _write = _NEEDED.get(app_label, (None, None))
        return self._holds(user_obj, view) or self._refuse()

    def _holds(self, user: User | AnonymousUser, needed: Capability | None) -> bool:
        return needed is not None and bool(clinic_ids(user, needed))

    def _refuse(self) -> NoReturn:
        # Django takes this as "no" and asks no further backend.
        raise PermissionDenied
