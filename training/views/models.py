"""The models' pages: the list, one model with all that is known of it, its plots."""

from typing import Any
from uuid import UUID

from csp.decorators import csp
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from accounts.access import everywhere
from accounts.models import Clinic
from accounts.roles import Capability
from cases.views.doors import signed_in_person
from inference import promotion
from inference.known import bundle_of, card_of
from inference.models import Activation, ActivationKind, ModelState, ModelVersion
from training import access
from training.data import snapshots, testsets
from training.forms import CompareForm, ReasonForm
from training.pages import model as model_page
from training.pages import model_file
from training.pages.card import html
from training.pages.model_file import BesideActive, ModelFile
from training.views.doors import find_version, may_see

PLOT_CACHE = "private, max-age=3600"


@require_safe
@may_see
def model_list(request: HttpRequest) -> HttpResponse:
    """Every version, the active one first, then the newest."""
    versions = list(ModelVersion.objects.order_by("-created_at"))
    versions.sort(key=lambda version: _ORDER[version.state])
    active = next((version for version in versions if version.state == ModelState.ACTIVE), None)
    withdrawn = snapshots.models_with_withdrawn(access.counted_clinics(signed_in_person(request)))
    context = {
        "rows": [_row(version, withdrawn.get(version, 0)) for version in versions],
        "active": active,
        "activation": _newest_activation(active) if active else None,
        "earlier": promotion.before_active(),
        "may_promote": request.user.has_perm("inference.promote_modelversion"),
        "clinics": Clinic.objects.count(),
    }
    return render(request, "training/models/list.html", context)


_ORDER: dict[str, int] = {ModelState.ACTIVE: 0, ModelState.SHADOW: 1, ModelState.CANDIDATE: 2, ModelState.RETIRED: 3}


def _row(version: ModelVersion, withdrawn: int) -> dict[str, Any]:
    return {
        "version": version,
        "withdrawn": withdrawn,
        "tested_on": model_page.tested_on(version),
        "figures": model_page.headline_figures(version),
    }


def _newest_activation(version: ModelVersion) -> Activation | None:
    kinds = [ActivationKind.PROMOTED, ActivationKind.ROLLED_BACK]
    return version.activations.filter(kind__in=kinds).order_by("-at", "-id").first()


@require_safe
@may_see
def model_detail(request: HttpRequest, model_id: UUID) -> HttpResponse:
    person, clinic = signed_in_person(request), getattr(request, "clinic", None)
    file = model_file.find(person, clinic, model_id)
    if file is None:
        raise Http404
    version, bundle = file.version, bundle_of(file.version)
    context = {
        "version": version,
        "active": file.active,
        "is_active": file.is_active,
        "bundle": bundle,
        "withdrawn": file.withdrawn,
        "training_run": file.training_run,
        "card": html(card_of(bundle)) if bundle else "",
        "tested_on": model_page.tested_on(version),
        "figures": model_page.figure_table(version),
        "thresholds": model_page.thresholds_in_words(bundle) if bundle else [],
        "facts": model_page.training_facts(bundle) if bundle else [],
        "plots": model_page.plots(version, bundle),
        "history": file.history,
        "may_promote": everywhere(person, Capability.PROMOTE_MODELS, clinics=file.clinics),
        "earlier": promotion.before_active() if file.is_active else None,
        **(_decision(file, file.beside_active) if file.beside_active else {}),
        **(file.rescoring or {}),
        "may_rescore": file.rescoring is not None,
    }
    return render(request, "training/models/detail.html", context)


def _decision(file: ModelFile, beside: BesideActive) -> dict[str, Any]:
    """What speaks for and against the model's taking the active one's place."""
    test_sets = testsets.available(clinics=file.clinics)
    return {
        "comparisons": [(each, promotion.judge(each) if each.state == "done" else None) for each in beside.comparisons],
        "compare_form": CompareForm(test_sets),
        "test_sets": test_sets,
        "obstacle": promotion.obstacle(file.version, file.active, beside.decisive),
        "shadow_form": ReasonForm(prefix="shadow"),
        "former_shadow": file.shadow if file.shadow != file.version else None,
        **model_file.agreement_shown(file.progress, beside.pairs),
    }


# The picture's own style is all that it may use; no script runs in it even when it is opened by itself.
@csp({"default-src": "'none'", "style-src": "'unsafe-inline'", "sandbox": True})
@require_safe
@may_see
def model_plot(request: HttpRequest, model_id: UUID, name: str) -> HttpResponse:
    """One plot of the model's test, as SVG from its verified bundle."""
    version = find_version(model_id)
    bundle = bundle_of(version)
    picture = model_page.plot_file(bundle, name) if bundle else None
    if picture is None:
        raise Http404
    etag = quote_etag(f"{version.sha256}-{name}")
    response = get_conditional_response(request, etag=etag)
    if response is None:
        response = HttpResponse(picture, content_type="image/svg+xml")
    response["ETag"] = etag
    response["Cache-Control"] = PLOT_CACHE
    response["X-Content-Type-Options"] = "nosniff"
    return response
