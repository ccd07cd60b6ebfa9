"""Pages' doors to photos: upload, the files themselves, heat maps. The rules live in cases/photo/."""

from http import HTTPStatus
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import can
from accounts.models import User
from accounts.roles import Capability
from cases import access
from cases.errors import Refused
from cases.models import Case, ImageKind, LesionImage
from cases.photo import files, intake, uploads
from cases.pixels import remarks
from cases.prediction import asking, heatmaps

# Everything else that a person can mend is 422.
STATUSES = {
    "too_many_bytes": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "wrong_state": HTTPStatus.CONFLICT,
    "other_patient": HTTPStatus.CONFLICT,
    "last_photo": HTTPStatus.CONFLICT,
    "already_there": HTTPStatus.CONFLICT,
    "no_model": HTTPStatus.CONFLICT,
    "disk_full": HTTPStatus.INSUFFICIENT_STORAGE,
}


@require_POST
def upload(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Takes the photo in the multipart field `file`; optional: `kind`, and `even_if_elsewhere=1` after a warning.

    A page that keeps photos until they have arrived (static/js/outbox.js) also sends `id`, so that a repeated request
    is one photo, `sha256`, so that damage on the way is noticed, and `by`, the person who chose the photo.
    201 with the photo, or 4xx with `error` (a sentence) and `code`.
    """
    if not request.user.is_authenticated and request.accepts("text/html"):
        return redirect_to_login("/")
    if refusal := _wrong_person(request):
        return JsonResponse({"error": str(refusal), "code": refusal.code}, status=HTTPStatus.UNAUTHORIZED)
    case = _may_change(request, access.cases(request.user).select_related("lesion__patient"), case_id)
    file, kind = request.FILES.get("file"), request.POST.get("kind") or ImageKind.CLOSE_UP
    try:
        if kind not in ImageKind.values:
            raise Refused(_("Choose what kind of photo this is."), code="kind_unknown")
        if not isinstance(file, UploadedFile):
            raise _no_file(request)
        image = intake.accept(
            case,
            file,
            name=file.name or "",
            kind=kind,
            by=cast(User, request.user),
            even_if_elsewhere=request.POST.get("even_if_elsewhere") == "1",
            photo_id=_photo_id(request),
            expected_sha256=request.POST.get("sha256"),
        )
    except Refused as refusal:
        return _refused(refusal)
    return JsonResponse(_described(image), status=HTTPStatus.CREATED)


@login_required
@require_safe
def original(request: HttpRequest, photo_id: UUID) -> HttpResponseBase:
    photo = get_object_or_404(access.images(request.user), id=photo_id)
    return files.answer(request, photo.original, content_type=photo.content_type, tag=f"{photo_id}-original")


@login_required
@require_safe
def upright(request: HttpRequest, photo_id: UUID) -> HttpResponseBase:
    photo = get_object_or_404(access.images(request.user), id=photo_id)
    return files.answer(request, photo.derivative, content_type="image/jpeg", tag=f"{photo_id}-upright")


@login_required
@require_safe
def thumbnail(request: HttpRequest, photo_id: UUID) -> HttpResponseBase:
    photo = get_object_or_404(access.images(request.user), id=photo_id)
    return files.answer(request, photo.thumbnail, content_type="image/jpeg", tag=f"{photo_id}-thumbnail")


@login_required
@require_POST
def remove(request: HttpRequest, photo_id: UUID) -> HttpResponse:
    photo = _may_change(request, access.images(request.user).select_related("case"), photo_id)
    try:
        intake.remove(photo)
    except Refused as refusal:
        return _answer(request, photo.case_id, refusal)
    return _answer(
        request, photo.case_id, _("The photo was removed."), restore=reverse("photo_restore", args=[photo_id])
    )


@login_required
@require_POST
def restore(request: HttpRequest, photo_id: UUID) -> HttpResponse:
    photo = _may_change(request, access.removed_images(request.user).select_related("case"), photo_id)
    try:
        intake.restore(photo)
    except Refused as refusal:
        return _answer(request, photo.case_id, refusal)
    return _answer(request, photo.case_id, _("The photo is back."), **_described(photo))


@login_required
@require_safe
def heatmap(request: HttpRequest, prediction_id: UUID) -> HttpResponseBase:
    """The evidence for `?condition=CODE` (default: the most probable) as a transparent PNG; 404 without a result."""
    prediction = get_object_or_404(
        access.predictions(request.user).select_related("image", "model_version"), id=prediction_id
    )
    code = request.GET.get("condition") or prediction.first_condition
    # The prediction may be computed again with other answers, so the tag names the run.
    etag = quote_etag(f"{prediction_id}-{code}-{prediction.finished_at:%s%f}") if prediction.finished_at else None
    shares = heatmaps.evidence(prediction, code)
    if shares is None or etag is None:
        raise Http404
    response = get_conditional_response(request, etag=etag)
    if response is None:
        picture = heatmaps.png(shares, prediction.image.width, prediction.image.height)
        response = HttpResponse(picture, content_type="image/png")
    response["ETag"] = etag
    return files.private(response)


@login_required
@require_POST
def retry(request: HttpRequest, prediction_id: UUID) -> HttpResponse:
    prediction = get_object_or_404(access.predictions(request.user).select_related("image__case"), id=prediction_id)
    case = prediction.image.case
    if not can(request.user, case.clinic_id, Capability.LOG_CASES):
        raise PermissionDenied
    try:
        asking.retry(prediction)
    except Refused as refusal:
        return _answer(request, case.id, refusal)
    return _answer(request, case.id, _("The prediction is computed again."))


def _wrong_person(request: HttpRequest) -> Refused | None:
    """Nobody is signed in, or somebody else than the one who chose the photo: it must not go in under their name."""
    if not request.user.is_authenticated:
        sentence = _("You were signed out. Sign in again in another tab; the photos are kept here.")
        return Refused(sentence, code="signed_out")
    if request.POST.get("by", str(request.user.pk)) != str(request.user.pk):
        sentence = _("Somebody else is signed in by now. Sign in as yourself in another tab; the photos are kept here.")
        return Refused(sentence, code="other_person")
    return None


def _photo_id(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.POST["id"]) if "id" in request.POST else None
    except ValueError as error:
        raise Refused(_("This photo's id is none. Load the page again."), code="id_taken") from error


def _may_change(request: HttpRequest, visible: QuerySet, id: UUID):
    """The case or photo, if this person sees it (else 404) and may add and remove photos there (else 403)."""
    found = get_object_or_404(visible, id=id)
    case = found if isinstance(found, Case) else found.case
    if not can(request.user, case.clinic_id, Capability.LOG_CASES):
        raise PermissionDenied
    return found


def _no_file(request: HttpRequest) -> Refused:
    """Why there is no file: it was dropped at the limit, or none was sent."""
    for name in uploads.too_large(request):
        return intake.dropped(name)
    return Refused(_("Choose a photo to send."), code="file_missing")


def _described(image: LesionImage) -> dict[str, object]:
    return {
        "id": str(image.id),
        "kind": image.kind,
        "width": image.width,
        "height": image.height,
        "sha256": image.sha256,
        "removed": image.removed_at is not None,
        "remarks": [{"code": code, "sentence": said} for code, said in remarks.sentences(image.remarks)],
        "quality": {
            "score": image.quality_score,
            "parts": image.quality,
            "in_words": remarks.in_a_word(image.quality_score),
        },
        "urls": {
            "original": reverse("photo_original", args=[image.id]),
            "upright": reverse("photo_upright", args=[image.id]),
            "thumbnail": reverse("photo_thumbnail", args=[image.id]),
            "remove": reverse("photo_remove", args=[image.id]),
        },
    }


def _refused(refusal: Refused) -> JsonResponse:
    status = STATUSES.get(refusal.code, HTTPStatus.UNPROCESSABLE_ENTITY)
    return JsonResponse({"error": str(refusal), "code": refusal.code}, status=status)


def _answer(request: HttpRequest, case_id: UUID, outcome: str | Refused, **more: object) -> HttpResponse:
    """JSON for scripts that ask for it; for forms a message and the case's page."""
    if request.accepts("text/html"):
        show = messages.error if isinstance(outcome, Refused) else messages.success
        show(request, str(outcome))
        return redirect("case_detail", case_id)
    if isinstance(outcome, Refused):
        return _refused(outcome)
    return JsonResponse({"message": outcome, **more})
