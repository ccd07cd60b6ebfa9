"""The models' pages: the list, one model with all that is known of it, its plots."""

from typing import Any
from uuid import UUID

from csp.decorators import csp
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from accounts.access import can
from accounts.models import Clinic
from accounts.roles import Capability
from cases import rescoring
from cases.views.doors import signed_in_person
from inference import promotion, registry
from inference.known import bundle_of, card_of
from inference.models import Activation, ActivationKind, Comparison, ModelState, ModelVersion
from training import access, agreement, model_page, snapshots, testsets
from training.card import html
from training.forms import CompareForm, ReasonForm
from training.views.doors import counted_clinics, find_version, may_see

PLOT_CACHE = "private, max-age=3600"
_MOST_COMPARISONS = 8


@require_safe
@may_see
def model_list(request: HttpRequest) -> HttpResponse:
    """Every version, the active one first, then the newest."""
    versions = list(ModelVersion.objects.order_by("-created_at"))
    versions.sort(key=lambda version: _ORDER[version.state])
    active = next((version for version in versions if version.state == ModelState.ACTIVE), None)
    withdrawn = snapshots.models_with_withdrawn(counted_clinics(signed_in_person(request)))
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
    version, person = find_version(model_id), signed_in_person(request)
    active = ModelVersion.objects.filter(state=ModelState.ACTIVE).first()
    is_active = version == active
    bundle = bundle_of(version)
    comparisons = Comparison.objects.filter(candidate=version).select_related("candidate", "baseline")[
        :_MOST_COMPARISONS
    ]
    may_promote = request.user.has_perm("inference.promote_modelversion")
    clinic = getattr(request, "clinic", None)
    may_rescore = can(person, clinic, Capability.RESCORE_CASES)
    context = {
        "version": version,
        "active": active,
        "is_active": is_active,
        "bundle": bundle,
        "withdrawn": snapshots.models_with_withdrawn(counted_clinics(person)).get(version, 0),
        "training_run": access.runs(person).filter(model_version=version).first(),
        "card": html(card_of(bundle)) if bundle else "",
        "tested_on": model_page.tested_on(version),
        "figures": model_page.figure_table(version),
        "thresholds": model_page.thresholds_in_words(bundle) if bundle else [],
        "facts": model_page.training_facts(bundle) if bundle else [],
        "plots": model_page.plots(version, bundle),
        "history": version.activations.select_related("replaced", "comparison"),
        "comparisons": [(each, promotion.judge(each) if each.state == "done" else None) for each in comparisons],
        "compare_form": CompareForm() if active and not is_active else None,
        "test_sets": testsets.available(),
        "may_promote": may_promote,
        "obstacle": "" if is_active else promotion.obstacle(version, active),
        "earlier": promotion.before_active() if is_active else None,
        "shadow_form": ReasonForm(prefix="shadow"),
        "former_shadow": None if is_active else _other_shadow(version),
        "clinics": Clinic.objects.count(),
        **(_silent_work(version, active, person) if active and not is_active else {}),
        **(rescoring.context(person, clinic, version) if may_rescore and clinic else {}),
        "may_rescore": may_rescore,
    }
    return render(request, "training/models/detail.html", context)


def _other_shadow(version: ModelVersion) -> ModelVersion | None:
    shadow = registry.shadow()
    return shadow if shadow != version else None


def _silent_work(version: ModelVersion, active: ModelVersion, person: Any) -> dict[str, Any]:
    """How the version's silent opinions compare with the active one's, if it has any."""
    clinics = list(counted_clinics(person))
    progress = agreement.progress(version, clinics)
    if not progress.asked:
        return {}
    return {
        "silent": progress,
        "agreement": agreement.with_active(version, active, clinics),
        "with_reads": agreement.with_reads(version, active, clinics),
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
