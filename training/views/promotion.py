"""Deciding which model works: each decision is a page with a reason, and nothing happens on a GET."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from cases.views.doors import signed_in_person
from inference import promotion
from inference.models import Activation, ActivationKind, Comparison, ModelState, ModelVersion
from inference.registry import RegistryError
from training.forms import ReasonForm
from training.pages import model_file
from training.views.doors import by, find_version, may_promote, may_waive


@require_http_methods(["GET", "HEAD", "POST"])
@may_promote
def model_promote(request: HttpRequest, model_id: UUID) -> HttpResponse:
    """Says what the comparison found, how it did as the shadow and what follows, asks why, and makes it active."""
    version = find_version(model_id)
    active = ModelVersion.objects.filter(state=ModelState.ACTIVE).first()
    if version == active:
        return redirect("model_detail", version.id)
    comparison = promotion.decisive(version, active) if active else None
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            promotion.promote(version.name, reason=form.cleaned_data["reason"], by=by(request))
        except RegistryError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("%(name)s is the active model.") % {"name": version})
            return redirect("model_detail", version.id)
    context = {
        "version": version,
        "active": active,
        "form": form,
        "comparison": comparison,
        "judgement": promotion.judge(comparison) if comparison else None,
        "obstacle": promotion.obstacle(version, active, comparison),
        "given_up": _given_up(version),
        **(_shadow_time(request, version, active) if active else {}),
    }
    return render(request, "training/models/promote.html", context, status=_status(form))


def _shadow_time(request: HttpRequest, version: ModelVersion, active: ModelVersion) -> dict[str, Any]:
    found = model_file.shadow_time(signed_in_person(request), version, active)
    return {"was_shadow": found.was_shadow, **model_file.agreement_shown(found.progress, found.pairs)}


def _given_up(version: ModelVersion) -> Activation | None:
    """The rollback that once took this version away, if one did."""
    rollbacks = Activation.objects.filter(kind=ActivationKind.ROLLED_BACK, replaced=version)
    return rollbacks.order_by("-at", "-id").first()


@require_http_methods(["GET", "HEAD", "POST"])
@may_promote
def models_rollback(request: HttpRequest) -> HttpResponse:
    """Back to the model before: one page, a reason that is written already, one button."""
    active = ModelVersion.objects.filter(state=ModelState.ACTIVE).first()
    earlier = promotion.before_active()
    suggested = _("%(name)s does worse in practice than %(earlier)s.") % {"name": active, "earlier": earlier}
    form = ReasonForm(request.POST or None, initial={"reason": suggested if earlier else ""})
    if request.method == "POST" and form.is_valid():
        try:
            version = promotion.rollback(
                reason=form.cleaned_data["reason"], by=by(request), expected=request.POST.get("expected")
            )
        except RegistryError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("%(name)s is the active model again.") % {"name": version})
            return redirect("model_detail", version.id)
    context = {"active": active, "earlier": earlier, "form": form}
    return render(request, "training/models/rollback.html", context, status=_status(form))


@require_POST
@may_promote
def model_shadow(request: HttpRequest, model_id: UUID) -> HttpResponse:
    """Starts or stops the silent scoring."""
    version = find_version(model_id)
    form = ReasonForm(request.POST, prefix="shadow")
    if not form.is_valid():
        messages.error(request, str(form.errors["reason"][0]))
        return redirect("model_detail", version.id)
    reason = form.cleaned_data["reason"]
    try:
        if request.POST.get("off"):
            promotion.end_shadow(version.name, reason=reason, by=by(request))
            messages.success(request, _("%(name)s no longer scores new photos.") % {"name": version})
        else:
            promotion.set_shadow(version.name, reason=reason, by=by(request))
            messages.success(request, _("%(name)s scores new photos silently from now on.") % {"name": version})
    except RegistryError as error:
        messages.error(request, str(error))
    return redirect("model_detail", version.id)


@require_POST
@may_waive
def comparison_waive(request: HttpRequest, comparison_id: UUID) -> HttpResponse:
    """An admin's reasoned word that too few cases need not stand against a promotion."""
    comparison = get_object_or_404(Comparison, id=comparison_id)
    form = ReasonForm(request.POST, prefix="waive")
    try:
        if not form.is_valid():
            raise RegistryError(str(form.errors["reason"][0]))
        promotion.waive(comparison, reason=form.cleaned_data["reason"], by=by(request))
    except RegistryError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("A lead may now promote %(name)s.") % {"name": comparison.candidate})
    return redirect("comparison_detail", comparison.id)


def _status(form: ReasonForm) -> int:
    return 422 if form.is_bound and form.errors else 200
