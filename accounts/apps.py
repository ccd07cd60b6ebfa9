from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People and clinics")

    def ready(self) -> None:
        # Both need the app registry, which is not there when this module is imported.
        from auditlog.registry import auditlog

        from accounts import models

        auditlog.register(models.User, exclude_fields=["last_login", "password"])
        auditlog.register(models.Clinic)
        auditlog.register(models.Membership)
