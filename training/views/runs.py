"""Training from the pages: asking for a run, watching it, ending it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import can
from accounts.models import Clinic
from accounts.roles import Capability
from cases.views.doors import signed_in_person
from training import access
from training.data import snapshots
from training.forms import TrainForm
from training.models import TrainingRun
from training.pages import run as run_page
from training.runs import lifecycle
from training.views.doors import may_see

PAGE_ROWS = 20


@require_safe
@may_see
def training_list(request: HttpRequest) -> HttpResponse:
    found = access.runs(request.user).select_related("clinic", "model_version")
    page = Paginator(found, PAGE_ROWS).get_page(request.GET.get("page"))
    return render(request, "training/runs/list.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@may_see
def training_new(request: HttpRequest) -> HttpResponse:
    """What to learn from and how; a run comes of it."""
    clinic = _own_clinic(request)
    form = TrainForm(request.POST or None, clinic=clinic)
    if request.method == "POST" and form.is_valid():
        try:
            run = lifecycle.request(by=signed_in_person(request), **form.wishes())
        except lifecycle.RunRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("training_run", run.id)
    context: dict[str, Any] = {"form": form, "clinic": clinic, "waiting": lifecycle.pending()}
    if clinic:
        photos = snapshots.eligible([clinic])
        context |= {"photos": photos.count(), "patients": photos.values("case__lesion__patient").distinct().count()}
    context["fetches"] = run_page.packages_are_missing()
    return render(request, "training/runs/new.html", context, status=422 if form.is_bound else 200)


@require_safe
@may_see
def training_run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The whole page, or for htmx only what changes while it is at work."""
    run = _find(request, run_id)
    template = "training/runs/_run.html" if getattr(request, "htmx", False) else "training/runs/detail.html"
    return render(request, template, {"run": run, **run_page.context(run)})


@require_POST
@may_see
def training_cancel(request: HttpRequest, run_id: UUID) -> HttpResponse:
    run = _find(request, run_id)
    if lifecycle.cancel(run):
        messages.success(request, _("The training of %(name)s ends.") % {"name": run})
    return redirect("training_run", run.id)


@require_POST
@may_see
def training_again(request: HttpRequest, run_id: UUID) -> HttpResponse:
    run = _find(request, run_id)
    if lifecycle.again(run):
        messages.success(request, _("The training of %(name)s goes on where it was.") % {"name": run})
    return redirect("training_run", run.id)


def _find(request: HttpRequest, run_id: UUID) -> TrainingRun:
    """The run; Http404 where there is none, or where it is a foreign clinic's."""
    found = access.runs(request.user).select_related("clinic", "snapshot", "model_version").filter(id=run_id).first()
    if found is None:
        raise Http404
    return found


def _own_clinic(request: HttpRequest) -> Clinic | None:
    """The clinic that the person works in, if its signed cases are theirs to learn from."""
    clinic = getattr(request, "clinic", None)
    return clinic if can(request.user, clinic, Capability.MANAGE_MODELS) else None
