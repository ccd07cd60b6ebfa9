"""The admin's doors: who may open it, signing in through the same page as everywhere, and its start page."""

from collections.abc import Iterable
from functools import update_wrapper
from typing import Any, cast

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.db.models.base import ModelBase
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from cases.worklist.today import figures
from skinclinic.admin_rules import HouseRules


class ClinicAdminSite(admin.AdminSite):
    """Opens for whom `User.is_staff` says yes, which follows from the roles (accounts/models.py)."""

    site_header = _("skinclinic administration")
    site_title = _("skinclinic")
    index_title = _("Today")
    site_url = "/"
    empty_value_display = "–"

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[admin.ModelAdmin] | None = None,
        **options: Any,
    ) -> None:
        """Registers with the house's rules mixed in, so that no page of any app is without them."""
        # Behind the class and before Django's own: a class may refine the rules and cannot forget them.
        given = (admin_class,) if admin_class not in (None, admin.ModelAdmin) else ()
        ruled = type(admin_class.__name__ if admin_class else "ModelAdmin", (*given, HouseRules), {})
        models = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else model_or_iterable
        super().register(models, ruled, **options)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Strangers sign in first; who is signed in and may not open the admin is told so, once and plainly."""
        inner = super().admin_view(view, cacheable)

        def door(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied
            return inner(request, *args, **options)

        return update_wrapper(door, inner)

    def login(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """The one sign-in page, with its rate limits and second factor; 403 for those signed in without the role."""
        return secure_admin_login(super().login)(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:  # type: ignore[override]
        return redirect("account_change_password")

    def index(self, request: HttpRequest, extra_context: dict | None = None) -> TemplateResponse:
        """Today's figures above the list of what can be opened."""
        return super().index(request, {"today": figures(cast(User, request.user)), **(extra_context or {})})
