"""The admin's start page."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _


class ClinicAdminSite(admin.AdminSite):
    site_header = _("skinclinic administration")
    site_title = _("skinclinic")
    index_title = _("Today")
