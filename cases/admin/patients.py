"""Patients and their lesions in the admin pages."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from cases import access
from cases.admin.record import RecordAdmin, by_patient_or_number, clinic_at
from cases.errors import Refused
from cases.models import Lesion, Patient
from cases.record import lesions, patients

OWN_FIELDS = ("mrn", "family_name", "given_name", "birth_date", "sex", "fitzpatrick")


class PatientForm(forms.ModelForm):
    class Meta:
        model = Patient
        fields = [*OWN_FIELDS, "ai_consent", "training_consent"]

    def clean_mrn(self) -> str:
        try:
            mrn = patients.kept_mrn(self.cleaned_data["mrn"])
        except Refused as refusal:
            raise forms.ValidationError(str(refusal), code=refusal.code) from None
        taken = Patient.objects.filter(clinic=self.instance.clinic_id, mrn=mrn).exclude(pk=self.instance.pk)
        if taken.exists():
            raise forms.ValidationError(_("Another patient of this clinic has this MRN."), code="mrn_taken")
        return mrn

    def clean_birth_date(self) -> Any:
        born = self.cleaned_data["birth_date"]
        if born > timezone.localdate():
            raise forms.ValidationError(_("The birth date lies in the future."), code="birth_date")
        return born


@admin.register(Patient)
class PatientAdmin(RecordAdmin):
    records = access.patients
    form = PatientForm
    list_display = ["full_name", "mrn", "birth_date", "sex", "clinic", "ai_consent", "training_consent", "created_at"]
    list_filter = [clinic_at("clinic"), "ai_consent", "training_consent", "sex"]
    list_select_related = ["clinic"]
    search_fields = ["family_key"]  # switches the box on; `search` does the work
    search_help_text = _("Beginnings of names, an MRN, a birth date")
    ordering = ["family_key", "given_key", "id"]
    readonly_fields = [
        "clinic",
        "ai_consent_at",
        "ai_consent_by",
        "training_consent_at",
        "training_consent_by",
        "created_at",
        "created_by",
    ]
    fieldsets = [
        (None, {"fields": ["clinic", *OWN_FIELDS]}),
        (
            _("Consent"),
            {
                "fields": [
                    ("ai_consent", "ai_consent_at", "ai_consent_by"),
                    ("training_consent", "training_consent_at", "training_consent_by"),
                ]
            },
        ),
        (_("Registered"), {"fields": [("created_at", "created_by")]}),
    ]

    @admin.display(description=_("name"), ordering="family_key")
    def full_name(self, patient: Patient) -> str:
        return str(patient)

    def search(self, request: HttpRequest, queryset: QuerySet, words: str) -> tuple[QuerySet, bool]:
        return patients.search(queryset, words), False

    def save_model(self, request: HttpRequest, obj: Patient, form: PatientForm, change: bool) -> None:
        # The form has written on `obj` already, so the services start from the row as it stands.
        stored, person = Patient.objects.get(pk=obj.pk), cast(User, request.user)
        own = {name: form.cleaned_data[name] for name in OWN_FIELDS if name in form.changed_data}
        if own:
            patients.update(stored, by=person, **own)
        for kind in patients.CONSENT_KINDS:
            if f"{kind}_consent" in form.changed_data:
                patients.record_consent(stored, kind, form.cleaned_data[f"{kind}_consent"], person)


@admin.register(Lesion)
class LesionAdmin(RecordAdmin):
    records = access.lesions
    list_display = ["place", "patient", "note", "created_at"]
    list_filter = [clinic_at("patient__clinic"), "body_site", "side"]
    list_select_related = ["patient"]
    search_fields = ["patient__family_key"]
    search_help_text = _("The patient's name, MRN or birth date")
    ordering = ["-id"]
    fields = ["patient", "body_site", "side", "note", "created_at"]
    readonly_fields = ["patient", "created_at"]

    def search(self, request: HttpRequest, queryset: QuerySet, words: str) -> tuple[QuerySet, bool]:
        return by_patient_or_number(queryset, words, patient="patient", number=None), False

    def save_model(self, request: HttpRequest, obj: Lesion, form: forms.ModelForm, change: bool) -> None:
        changed = {name: form.cleaned_data[name] for name in form.changed_data}
        lesions.change(obj.pk, by=cast(User, request.user), **changed)
