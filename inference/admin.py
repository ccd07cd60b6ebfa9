"""Model versions in the admin pages: to look at. They are compared, promoted and rolled back on the models' pages."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from inference.models import Activation, Comparison, ModelVersion


class PlatformWide:
    """The platform has one active model: those who manage models see all of them. Nothing is typed in by hand."""

    model: type[Model]

    def rows(self, person: Any) -> QuerySet:
        return self.model._default_manager.all()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("inference.change_modelversion")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.has_perm("inference.change_modelversion")


@admin.register(ModelVersion)
class ModelVersionAdmin(PlatformWide, admin.ModelAdmin):
    list_display = ["name", "state", "activated_at", "created_at", "class_codes"]
    list_filter = ["state"]
    search_fields = ["name"]
    fields = ["name", "state", "activated_at", "created_at", "class_codes", "metrics", "sha256", "path"]
    change_form_template = "admin/inference/modelversion/change_form.html"

    @admin.display(description=_("classes"))
    def class_codes(self, version: ModelVersion) -> str:
        return ", ".join(version.classes)


@admin.register(Comparison)
class ComparisonAdmin(PlatformWide, admin.ModelAdmin):
    list_display = ["at", "candidate", "baseline", "source", "n", "state", "by"]
    list_select_related = ["candidate", "baseline"]
    list_filter = ["state"]
    fields = [
        "candidate",
        "baseline",
        "source",
        "manifest_sha256",
        "n",
        "state",
        "reason",
        "by",
        "at",
        "finished_at",
        "figures",
        "waived_reason",
        "waived_by",
        "waived_at",
    ]
    ordering = ["-at"]


@admin.register(Activation)
class ActivationAdmin(PlatformWide, admin.ModelAdmin):
    list_display = ["at", "kind", "model_version", "replaced", "by", "reason"]
    list_select_related = ["model_version", "replaced"]
    fields = [
        "at",
        "kind",
        "model_version",
        "replaced",
        "by",
        "reason",
        "comparison",
        "override_by",
        "override_reason",
    ]
    ordering = ["-at"]
