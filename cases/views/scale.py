"""The viewer's door to a photo's scale. The rules live in cases/photo/scale.py."""

from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from accounts.doors import signed_in
from accounts.roles import Capability
from cases import access
from cases.errors import Refused
from cases.photo import scale
from cases.views.doors import find, signed_in_person


@require_POST
@signed_in
def photo_scale(request: HttpRequest, photo_id: UUID) -> JsonResponse:
    """Takes `pixels` and `millimetres` of one line; both empty takes the scale away.

    Answers `pixels_per_mm`, and in `said` who set it or took it away.
    """
    photo = find(access.images, request.user, Capability.LOG_CASES, "scale_set_by", id=photo_id)
    person = signed_in_person(request)
    pixels, millimetres = request.POST.get("pixels", ""), request.POST.get("millimetres", "")
    try:
        if pixels or millimetres:
            scale.set_scale(photo, pixels=_number(pixels), millimetres=_number(millimetres), by=person)
        else:
            scale.clear_scale(photo, by=person)
    except Refused as refusal:
        return JsonResponse({"error": str(refusal), "code": refusal.code}, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return JsonResponse({"pixels_per_mm": photo.pixels_per_mm, "said": scale.said(photo)})


def _number(text: str) -> float:
    """Not a number where there is none: the rule refuses it."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return float("nan")
