"""Model versions in the admin pages: promoted and rolled back with a reason, and the log of both."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from inference import registry
from inference.models import Activation, Comparison, ModelState, ModelVersion

FIGURES = ["sensitivity", "specificity", "malignant_auc", "accuracy", "balanced_accuracy"]


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=500,
        label=_("Reason"),
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        help_text=_("Stands in the log for good, with your name."),
    )


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

    def get_urls(self) -> list[URLPattern]:
        def named(route: str, view: Any, name: str) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), name=f"inference_modelversion_{name}")

        return [
            named("rollback/", self.rollback, "rollback"),
            named("<path:object_id>/promote/", self.promote, "promote"),
            *super().get_urls(),
        ]

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        version = cast(ModelVersion, self.get_object(request, object_id))
        is_active = version.state == ModelState.ACTIVE
        context = {
            "may_promote": self._may_manage(request) and not is_active,
            "may_roll_back": self._may_manage(request) and is_active and registry_has_past(),
        }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def promote(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks why, says what follows, then makes the version the active one."""
        version = cast(ModelVersion, self.get_object(request, object_id))
        return self._with_reason(
            request,
            title=_("Make %(name)s the active model") % {"name": version},
            button=_("Make active"),
            carry_out=lambda reason: registry.promote(version.name, reason=reason, by=str(request.user)),
        )

    def rollback(self, request: HttpRequest) -> HttpResponse:
        """Asks why, then goes back to the version that the active one replaced."""
        return self._with_reason(
            request,
            title=_("Go back to the model before"),
            button=_("Roll back"),
            carry_out=lambda reason: registry.rollback(reason=reason, by=str(request.user)),
        )

    def _with_reason(self, request: HttpRequest, *, title: Any, button: Any, carry_out: Any) -> HttpResponse:
        if not self._may_manage(request):
            raise PermissionDenied
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                active = carry_out(form.cleaned_data["reason"])
            except registry.RegistryError as error:
                form.add_error(None, str(error))
            else:
                self.message_user(request, _("%(name)s is the active model.") % {"name": active}, messages.SUCCESS)
                return redirect("admin:inference_modelversion_change", active.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "button": button,
            "opts": self.opts,
            "form": form,
            "active": ModelVersion.objects.filter(state=ModelState.ACTIVE).first(),
        }
        return TemplateResponse(request, "admin/inference/modelversion/reason.html", context)

    def _may_manage(self, request: HttpRequest) -> bool:
        return request.user.has_perm("inference.change_modelversion")


def registry_has_past() -> bool:
    """Whether the active version replaced another one."""
    return Activation.objects.filter(model_version__state=ModelState.ACTIVE, replaced__isnull=False).exists()


@admin.register(Comparison)
class ComparisonAdmin(PlatformWide, admin.ModelAdmin):
    list_display = ["at", "candidate", "baseline", "data", "photos", "sensitivity", "accuracy"]
    list_select_related = ["candidate", "baseline"]
    fields = ["at", "candidate", "baseline", "data", "photos", *FIGURES, "by", "manifest_sha256"]
    readonly_fields = ["photos", *FIGURES]
    ordering = ["-at"]

    @admin.display(description=_("number of photos (malignant)"))
    def photos(self, comparison: Comparison) -> str:
        return f"{comparison.figures['n']} ({comparison.figures['malignant_n']})"

    @admin.display(description=_("sensitivity for malignant"))
    def sensitivity(self, comparison: Comparison) -> str:
        return _side_by_side(comparison, "malignant_sensitivity")

    @admin.display(description=_("specificity"))
    def specificity(self, comparison: Comparison) -> str:
        return _side_by_side(comparison, "malignant_specificity")

    @admin.display(description=_("malignant AUC"))
    def malignant_auc(self, comparison: Comparison) -> str:
        return _side_by_side(comparison, "malignant_auc")

    @admin.display(description=_("accuracy"))
    def accuracy(self, comparison: Comparison) -> str:
        return _side_by_side(comparison, "accuracy")

    @admin.display(description=_("balanced accuracy"))
    def balanced_accuracy(self, comparison: Comparison) -> str:
        return _side_by_side(comparison, "balanced_accuracy")


def _side_by_side(comparison: Comparison, name: str) -> str:
    """ "0.93 and 0.91, difference +0.02 (-0.01 to +0.05)": candidate, baseline, paired interval."""
    row = comparison.figures["figures"][name]
    if row["difference"] is None:
        return "-"
    both = f"{row['candidate']:.2f} {_('and')} {row['baseline']:.2f}, {_('difference')} {row['difference']:+.2f}"
    interval = row["difference_ci"]
    return f"{both} ({interval[0]:+.2f} {_('to')} {interval[1]:+.2f})" if interval else both


@admin.register(Activation)
class ActivationAdmin(PlatformWide, admin.ModelAdmin):
    list_display = ["at", "model_version", "replaced", "by", "reason", "comparison"]
    list_select_related = ["model_version", "replaced", "comparison__candidate", "comparison__baseline"]
    fields = ["at", "model_version", "replaced", "comparison", "by", "reason"]
    ordering = ["-at"]
