"""Candidate against active: asking for a comparison, watching it, reading it."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from inference import promotion
from inference.models import Comparison, ComparisonState
from training.comparing import comparisons
from training.data import testsets
from training.forms import CompareForm, ReasonForm
from training.pages.intervals import Interval, drawn
from training.pages.model import FIGURES, number, with_interval
from training.views.doors import by, find_version, may_see

# The one that a promotion rests on comes first.
_ORDER = (promotion.RULE, "malignant_specificity", "malignant_auc", "balanced_accuracy", "accuracy")


@require_POST
@may_see
def model_compare(request: HttpRequest, model_id: UUID) -> HttpResponse:
    version = find_version(model_id)
    form = CompareForm(testsets.available(), request.POST)
    try:
        if not form.is_valid():
            raise comparisons.ComparisonRefused(_("Choose one of the test sets."))
        comparison = comparisons.request(version, source=form.cleaned_data["source"], by=by(request))
    except comparisons.ComparisonRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("model_detail", version.id)
    return redirect("comparison_detail", comparison.id)


@require_safe
@may_see
def comparison_detail(request: HttpRequest, comparison_id: UUID) -> HttpResponse:
    """The whole page, or for htmx only what changes while it is computed."""
    comparison = get_object_or_404(Comparison.objects.select_related("candidate", "baseline"), id=comparison_id)
    context: dict[str, Any] = {
        "comparison": comparison,
        "percent": round(100 * comparison.done / comparison.total) if comparison.total else 0,
        "active_is_baseline": comparison.baseline.state == "active",
        "may_promote": request.user.has_perm("inference.promote_modelversion"),
        "may_waive": request.user.has_perm("inference.waive_comparison"),
        "waive_form": ReasonForm(prefix="waive"),
    }
    if comparison.state == ComparisonState.DONE:
        context |= {
            "judgement": promotion.judge(comparison),
            "rows": _rows(comparison),
            "cautions": comparisons.cautions(comparison),
        }
    part = getattr(request, "htmx", False)
    template = "training/comparisons/_comparison.html" if part else "training/comparisons/detail.html"
    return render(request, template, context)


@require_POST
@may_see
def comparison_cancel(request: HttpRequest, comparison_id: UUID) -> HttpResponse:
    comparison = get_object_or_404(Comparison, id=comparison_id)
    if comparisons.cancel(comparison):
        messages.success(request, _("The comparison was cancelled."))
    return redirect("comparison_detail", comparison.id)


def _rows(comparison: Comparison) -> list[dict[str, Any]]:
    figures = comparison.figures["figures"]
    return [
        {
            "title": FIGURES[key],
            "n": figures[key]["n"],
            "candidate": with_interval(figures[key], "candidate"),
            "baseline": with_interval(figures[key], "baseline"),
            "difference": _signed(figures[key]),
            "drawing": _drawing(key, figures[key]),
            "pairs": figures[key].get("pairs"),
        }
        for key in _ORDER
    ]


def _signed(figure: dict[str, Any]) -> str:
    """ "+0.02 (−0.01 to +0.05)"."""
    if figure["difference"] is None:
        return "–"
    text = _sign(figure["difference"])
    if figure["difference_ci"]:
        low, high = (_sign(end) for end in figure["difference_ci"])
        return _("%(difference)s (%(low)s to %(high)s)") % {"difference": text, "low": low, "high": high}
    return text


def _sign(value: float) -> str:
    rounded = round(value, 3)
    mark = "+" if rounded > 0 else "−" if rounded < 0 else ""
    return f"{mark}{number(abs(rounded), 3)}"


def _drawing(key: str, figure: dict[str, Any]) -> Interval | None:
    margin = settings.PROMOTION_SENSITIVITY_MARGIN if key == promotion.RULE else None
    return drawn(figure["difference"], figure["difference_ci"], margin)
