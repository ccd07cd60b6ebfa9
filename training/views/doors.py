"""Who passes the doors about models, which no clinic owns: permissions that follow from the roles."""

from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from accounts.doors import requires_permission
from cases.views.doors import signed_in_person
from inference.models import ModelVersion

may_see = requires_permission("inference.change_modelversion")
may_promote = requires_permission("inference.promote_modelversion")
may_waive = requires_permission("inference.waive_comparison")


def find_version(model_id: UUID) -> ModelVersion:
    """The version; Http404 where there is none."""
    return get_object_or_404(ModelVersion, id=model_id)


def by(request: HttpRequest) -> str:
    """Who acts, as the log names them."""
    return str(signed_in_person(request))
