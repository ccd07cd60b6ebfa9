from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class SkinclinicConfig(AppConfig):
    name = "skinclinic"

    def ready(self) -> None:
        # Imported for its side effect: the checks register themselves.
        # The Celery application here, so that `skinclinic` itself can be imported with nothing installed.
        from skinclinic import celery, checks  # noqa: F401


class ClinicAdminConfig(AdminConfig):
    """Django's admin with our start page (skinclinic/admin_site.py)."""

    default_site = "skinclinic.admin_site.ClinicAdminSite"
