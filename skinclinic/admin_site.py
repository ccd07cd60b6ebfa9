"""The admin's doors: who may open it, signing in through the same page as everywhere, and its start page."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _


class ClinicAdminSite(admin.AdminSite):
    """Opens for whom `User.is_staff` says yes, which follows from the roles (accounts/models.py)."""

    site_header = _("skinclinic administration")
    site_title = _("skinclinic")
    index_title = _("Today")
    site_url = "/"

    def login(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """The one sign-in page, with its rate limits and second factor; 403 for those signed in without the role."""
        return secure_admin_login(super().login)(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:  # type: ignore[override]
        return redirect("account_change_password")
