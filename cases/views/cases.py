"""Logging a case, changing it while it is open, sending, withdrawing and restoring it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.doors import requires, signed_in
from accounts.roles import Capability
from cases import access, blinding
from cases.errors import Conflict, Refused
from cases.forms.cases import AnswersForm, CaseForm, WithdrawForm
from cases.models import Case, CaseState, ImageKind, Lesion, LesionImage, Patient
from cases.photo import intake, uploads
from cases.record import drafts, history, lifecycle
from cases.views.doors import find, signed_in_person
from cases.views.said import saved

LOG = Capability.LOG_CASES


@requires(LOG)
@require_http_methods(["GET", "HEAD", "POST"])
def case_new(request: HttpRequest) -> HttpResponse:
    """A new case. The page's script saves it here as a draft with the first photo (it accepts JSON), and goes on."""
    given = request.POST if request.method == "POST" else request.GET
    lesion = find(access.lesions, request.user, LOG, id=_id(given["lesion"])) if _is_id(given.get("lesion")) else None
    patient_id = given.get("patient") or (lesion and lesion.patient_id)
    if not patient_id:
        return render(request, "cases/new/new.html", {"form": CaseForm(lesions=[])})
    patient = find(access.patients, request.user, LOG, id=_id(patient_id))
    if request.method != "POST":
        form = CaseForm(lesions=_lesions(patient), initial={"lesion": str(lesion.id)} if lesion else {})
        return render(request, "cases/new/new.html", _page(form, patient))
    return _save_case(request, CaseForm(request.POST, lesions=_lesions(patient)), patient, None)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def case_change(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Answers, note, urgency and photos of an open case; of a draft also the lesion."""
    case = find(access.cases, request.user, LOG, "lesion__patient", id=case_id)
    if not case.is_open:
        messages.error(request, _("This case is closed: its answers and photos stay as they are."))
        return redirect("case_detail", case.id)
    patient = case.lesion.patient
    shows: dict[str, Any] = {
        "instance": case,
        "urgency_is_hidden": blinding.hides_what_was_asked(request.user, case),
    }
    if request.method != "POST":
        initial: dict[str, Any] = {"seen": lifecycle.stamp(case)}
        if case.state == CaseState.DRAFT:
            initial |= {"case_id": case.id, "lesion": str(case.lesion_id)}
            form: AnswersForm = CaseForm(**shows, lesions=_lesions(patient), initial=initial)
        else:
            form = AnswersForm(**shows, initial=initial)
        return render(request, "cases/new/new.html", _page(form, patient, case))
    if case.state == CaseState.DRAFT:
        form = CaseForm({**request.POST.dict(), "case_id": str(case.id)}, **shows, lesions=_lesions(patient))
    else:
        form = AnswersForm(request.POST, **shows)
    return _save_case(request, form, patient, case)


def _save_case(request: HttpRequest, form: AnswersForm, patient: Patient, case: Case | None) -> HttpResponse:
    """Saves, takes the photos that came with the form, and sends the case if that is wished."""
    script = request.headers.get("Accept") == "application/json"
    context: dict[str, Any] = {}
    if form.is_valid():
        seen = form.cleaned_data["seen"] or None
        try:
            if isinstance(form, CaseForm):
                case = drafts.save(
                    patient=patient,
                    by=signed_in_person(request),
                    case_id=form.cleaned_data["case_id"],
                    lesion=form.chosen_lesion,
                    place=form.place,
                    seen=seen,
                    **form.changes(),
                )
            else:
                assert case is not None
                case = lifecycle.change(case.id, seen=seen, **form.changes())
        except Conflict as conflict:
            case = Case.objects.select_related("lesion__patient").get(id=form.instance.id)
            form.see_again(lifecycle.stamp(case))
            context = {
                "conflict": conflict,
                "theirs": form.differences(case),
                "change": history.latest(case, lifecycle.CHANGEABLE),
                # Whoever changed an answer may have read the case, and the lead who settles sees reads without names.
                "unnamed": blinding.hides_names(signed_in_person(request), case, case.reads.all()),
            }
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            if script:
                return JsonResponse(_addresses(case))
            return _after_saving(request, case, _take_photos(request, case))
    if script:
        return JsonResponse({"errors": {name: list(words) for name, words in form.errors.items()}}, status=422)
    return render(request, "cases/new/new.html", {**_page(form, patient, case), **context}, status=422)


def _after_saving(request: HttpRequest, case: Case, refused: int) -> HttpResponse:
    if refused:
        return redirect("case_change", case.id)
    if request.POST.get("action") == "send":
        return _send(request, case)
    saved(request)
    return redirect("case_detail", case.id)


def _take_photos(request: HttpRequest, case: Case) -> int:
    """The photos of a form that was sent without the script; returns how many were refused, each with a message."""
    refused = 0
    for number, photo in enumerate(request.FILES.getlist("photos"), start=1):
        assert isinstance(photo, UploadedFile)
        try:
            intake.accept(case, photo, name=photo.name or "", by=signed_in_person(request))
        except Refused as refusal:
            refused += 1
            messages.error(request, _("Photo %(number)s: %(why)s") % {"number": number, "why": refusal})
    for name in uploads.too_large(request):
        refused += 1
        messages.error(request, str(intake.dropped(name)))
    return refused


@require_POST
@signed_in
def case_send(request: HttpRequest, case_id: UUID) -> HttpResponse:
    return _send(request, find(access.cases, request.user, LOG, id=case_id))


def _send(request: HttpRequest, case: Case) -> HttpResponse:
    try:
        lifecycle.send(
            case.id,
            by=signed_in_person(request),
            why_no_new_photo=request.POST.get("why_no_new_photo", ""),
        )
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("case_change" if refusal.code == "no_photo" else "case_detail", case.id)
    saved(request, _("Sent %(time)s. A doctor will look at it."))
    return redirect("case_detail", case.id)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def case_withdraw(request: HttpRequest, case_id: UUID) -> HttpResponse:
    case = find(access.cases, request.user, LOG, "lesion__patient", id=case_id)
    form = WithdrawForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            lifecycle.withdraw(case.id, form.cleaned_data["reason"])
        except Refused as refusal:
            form.add_error(None, str(refusal))
        else:
            saved(request, _("Withdrawn %(time)s."))
            return redirect("case_detail", case.id)
    context = {"case": case, "patient": case.lesion.patient, "form": form}
    return render(request, "cases/cases/withdraw.html", context, status=422 if form.errors else 200)


@require_POST
@signed_in
def case_restore(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Undoes a withdrawal."""
    case = find(access.cases, request.user, LOG, id=case_id)
    try:
        lifecycle.restore(case.id)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        saved(request, _("Restored %(time)s."))
    return redirect("case_detail", case.id)


@require_POST
@signed_in
def photo_kind(request: HttpRequest, photo_id: UUID) -> HttpResponse:
    """Says whether a photo is a close-up, an overview or dermoscopy; asked by the uploader's script."""
    image = find(access.images, request.user, LOG, id=photo_id)
    kind = request.POST.get("kind", "")
    if kind not in ImageKind.values:
        return JsonResponse({"error": _("There is no such kind of photo."), "code": "kind"}, status=422)
    try:
        drafts.set_kind(image, kind)
    except Refused as refusal:
        return JsonResponse({"error": str(refusal), "code": refusal.code}, status=409)
    return HttpResponse(status=204)


def _page(form: AnswersForm, patient: Patient, case: Case | None = None) -> dict[str, Any]:
    """What templates/cases/new/new.html shows."""
    images = list(case.images.filter(removed_at__isnull=True).select_related("resembles")) if case else []
    return {
        "form": form,
        "patient": patient,
        "case": case,
        "images": images,
        "lesions": list(form.lesions.values()) if isinstance(form, CaseForm) else [],
        "drafts": [] if case else list(_drafts(patient)),
    }


def _drafts(patient: Patient) -> QuerySet[Case]:
    return Case.objects.filter(lesion__patient=patient, state=CaseState.DRAFT).select_related("lesion")


def _lesions(patient: Patient) -> QuerySet[Lesion]:
    """The patient's lesions, newest first, with their cases and photos: two at one place are told apart by sight."""
    photos = Prefetch("images", LesionImage.objects.filter(removed_at__isnull=True), to_attr="photos")
    cases = Prefetch("cases", Case.objects.order_by("-created_at", "-id").prefetch_related(photos))
    return patient.lesions.prefetch_related(cases).order_by("-created_at")


def _addresses(case: Case) -> dict[str, str]:
    """Where the page's script goes on."""
    return {
        "reference": case.reference,
        "seen": lifecycle.stamp(case),
        "time": formats.date_format(timezone.localtime(), "H:i"),
        "upload_url": reverse("photo_upload", args=[case.id]),
        "change_url": reverse("case_change", args=[case.id]),
    }


def _is_id(text: str | None) -> bool:
    try:
        UUID(text or "")
    except ValueError:
        return False
    return True


def _id(text: Any) -> UUID:
    """An id from an address.

    Raises:
        Http404: it is none.
    """
    if not _is_id(str(text)):
        raise Http404
    return UUID(str(text))
