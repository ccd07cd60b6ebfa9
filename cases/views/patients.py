"""Patients: find, register, look at, correct, ask for consent. Search words never stand in an address."""

from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import replace_url
from uuid6 import uuid7

from accounts.doors import requires, signed_in
from accounts.middleware import clinic_of
from accounts.roles import Capability
from cases import access
from cases.errors import Conflict, Refused
from cases.forms.fields import place_refusal
from cases.forms.patients import FIELD_OF_CODE, ConsentForm, DetailsForm, RegistrationForm, SearchForm
from cases.models import Case, LesionImage, Patient
from cases.record import history, patients
from cases.views.doors import find, signed_in_person
from cases.views.said import saved

SEARCH_KEY = "patient_search"
PAGE_ROWS = 25
PICK_ROWS = 8


class FirstPages(Paginator):
    """Pages of the first of what a search found; `is_cut` says that there are more."""

    def __init__(self, found: QuerySet[Patient], number: int) -> None:
        super().__init__(found, PAGE_ROWS)
        self.number = number

    @property
    def count(self) -> int:
        return min(self.number, patients.MOST_FOUND)

    @property
    def is_cut(self) -> bool:
        return self.number > patients.MOST_FOUND

    def page(self, number: int | str) -> Page[Patient]:
        shown = super().page(number)
        assert isinstance(shown.object_list, QuerySet)
        shown.object_list = patients.with_cases(patients.whole(shown.object_list))
        return shown


@requires(Capability.VIEW_RECORD)
@require_http_methods(["GET", "HEAD", "POST"])
def patient_list(request: HttpRequest) -> HttpResponse:
    """The clinic's patients. A search is posted and kept in the session, so "back" and a reload show it again."""
    words = _search_words(request)
    address = reverse("patient_list") + ("?search=last" if words else "")
    if request.method == "POST" and not request.htmx:  # type: ignore[attr-defined]
        return redirect(address)
    found = FirstPages(*patients.find(_patients_here(request), words))
    context = {"page": found.get_page(request.GET.get("page")), "words": words, "own_search": True}
    if request.htmx:  # type: ignore[attr-defined]
        return replace_url(render(request, "cases/patients/_found.html", context), address)
    return render(request, "cases/patients/list.html", context)


@require_POST
@requires(Capability.LOG_CASES)
def patient_pick(request: HttpRequest) -> HttpResponse:
    """The first few who match, each with a way to a new case."""
    form = SearchForm(request.POST)
    words = form.cleaned_data["q"].strip() if form.is_valid() else ""
    request.session[SEARCH_KEY] = words
    found = list(patients.whole(patients.search(_patients_here(request), words)[: PICK_ROWS + 1])) if words else []
    context = {"found": found[:PICK_ROWS], "more": len(found) > PICK_ROWS, "words": words}
    template = "cases/new/_picked.html" if request.htmx else "cases/new/pick.html"  # type: ignore[attr-defined]
    return render(request, template, context)


@requires(Capability.LOG_CASES)
@require_http_methods(["GET", "HEAD", "POST"])
def patient_new(request: HttpRequest) -> HttpResponse:
    """Registers a patient; who may be the same person is shown first and must be waved through."""
    clinic = clinic_of(request)
    then = "case" if "case" in (request.GET.get("then"), request.POST.get("then")) else ""
    context: dict[str, Any] = {"then": then}
    if request.method != "POST":
        typed = request.session.get(SEARCH_KEY, "") if request.GET.get("search") == "last" else ""
        form = RegistrationForm(initial={**patients.details_in(typed), "patient_id": uuid7()})
        return render(request, "cases/patients/new.html", {**context, "form": form})

    form = RegistrationForm(request.POST)
    if form.is_valid():
        details = form.changes()
        try:
            patient = patients.register(
                clinic=clinic,
                by=signed_in_person(request),
                patient_id=form.cleaned_data["patient_id"],
                waved_through=_ids(request.POST.get("waved_through", "")),
                **details,
            )
        except patients.LikelyDuplicates as likely:
            context["likely"] = likely.patients
        except Refused as refusal:
            place_refusal(form, str(refusal), FIELD_OF_CODE.get(refusal.code))
            if refusal.code == "mrn_taken":
                context["holder"] = _patients_here(request).filter(mrn=details["mrn"].strip().upper()).first()
        else:
            saved(request, _("Registered %(time)s."))
            if then == "case":
                return redirect(f"{reverse('case_new')}?patient={patient.id}")
            return redirect("patient_detail", patient.id)
    return render(request, "cases/patients/new.html", {**context, "form": form}, status=422)


@require_safe
@signed_in
def patient_detail(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    """Details, consents with who and when, and each lesion with its cases."""
    patient = find(access.patients, request.user, access.VIEW, "ai_consent_by", "training_consent_by", id=patient_id)
    photos = Prefetch("images", LesionImage.objects.filter(removed_at__isnull=True), to_attr="photos")
    cases = Prefetch("cases", Case.objects.order_by("-created_at", "-id").prefetch_related(photos))
    lesions = list(patient.lesions.prefetch_related(cases).order_by("-created_at"))
    return render(request, "cases/patients/detail.html", {"patient": patient, "lesions": lesions})


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def patient_edit(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    patient = find(access.patients, request.user, Capability.LOG_CASES, id=patient_id)
    if request.method != "POST":
        form = DetailsForm(instance=patient, initial={"seen": patients.stamp(patient)})
        return render(request, "cases/patients/edit.html", {"patient": patient, "form": form})

    form = DetailsForm(request.POST, instance=patient)
    context: dict[str, Any] = {"patient": patient, "form": form}
    if form.is_valid():
        try:
            patients.update(patient, by=signed_in_person(request), seen=form.cleaned_data["seen"], **form.changes())
        except Conflict as conflict:
            # What was typed stays; saving once more is then a decision.
            form.see_again(patients.stamp(patient))
            change = history.latest(patient, patients.DETAILS)
            context |= {"conflict": conflict, "theirs": form.differences(patient), "change": change}
        except Refused as refusal:
            patient.refresh_from_db()
            place_refusal(form, str(refusal), FIELD_OF_CODE.get(refusal.code))
        else:
            saved(request)
            return redirect("patient_detail", patient.id)
    return render(request, "cases/patients/edit.html", context, status=422)


@require_POST
@signed_in
def patient_consent(request: HttpRequest, patient_id: UUID) -> HttpResponse:
    """Records one answer of the patient, with who asked and when."""
    patient = find(access.patients, request.user, Capability.LOG_CASES, id=patient_id)
    form = ConsentForm(request.POST)
    if form.is_valid():
        patients.record_consent(
            patient, form.cleaned_data["kind"], form.cleaned_data["consent"], signed_in_person(request)
        )
        saved(request)
    return redirect("patient_detail", patient.id)


def _patients_here(request: HttpRequest) -> QuerySet[Patient]:
    return access.patients(request.user).filter(clinic=clinic_of(request))


def _search_words(request: HttpRequest) -> str:
    """What is searched for: as posted just now, or as last posted where the address says so."""
    if request.method == "POST":
        form = SearchForm(request.POST)
        request.session[SEARCH_KEY] = words = form.cleaned_data["q"].strip() if form.is_valid() else ""
        return words
    return request.session.get(SEARCH_KEY, "") if request.GET.get("search") == "last" else ""


def _ids(text: str) -> set[UUID]:
    """The ids in "id,id"; what is none is left out."""
    ids = set()
    for part in text.split(","):
        try:
            ids.add(UUID(part))
        except ValueError:
            continue
    return ids
