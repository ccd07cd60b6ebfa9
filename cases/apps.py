from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CasesConfig(AppConfig):
    name = "cases"
    verbose_name = _("Clinical record")

    def ready(self) -> None:
        # Both need the app registry, which is not there when this module is imported.
        from auditlog.registry import auditlog

        from cases import models

        auditlog.register(models.Patient, exclude_fields=["family_key", "given_key"])
        auditlog.register(models.Lesion)
        auditlog.register(models.Case)
        auditlog.register(models.LesionImage, include_fields=["case", "kind", "sha256", "pixels_per_mm", "removed_at"])
        auditlog.register(models.Read)
        auditlog.register(models.Outcome)
        auditlog.register(models.ReportDelivery)
        auditlog.register(models.Condition)
        auditlog.register(models.SecondLook)
