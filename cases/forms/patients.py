"""Searching, registering and correcting patients."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cases.forms.fields import BirthDateInput, SeenMixin
from cases.models import Consent, Patient
from cases.record.patients import DETAILS

# Which field a refusal of cases/record/patients.py is about.
FIELD_OF_CODE = {"mrn_taken": "mrn", "mrn_too_long": "mrn", "birth_date": "birth_date"}


class SearchForm(forms.Form):
    """Search words travel in the body of a POST: they are patient data and must not stand in an address."""

    q = forms.CharField(required=False, max_length=120)


class DetailsForm(SeenMixin, forms.ModelForm):
    """A patient's own details; shown by `_field.html`, saved by cases/record/patients.py."""

    seen = forms.CharField(required=False, max_length=16, widget=forms.HiddenInput)

    class Meta:
        model = Patient
        fields = DETAILS
        widgets = {
            "mrn": forms.TextInput(
                attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
            ),
            "family_name": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "given_name": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "birth_date": BirthDateInput(),
            "sex": forms.RadioSelect,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["mrn"].help_text = _("The medical record number on the wristband or letter.")

    def validate_unique(self) -> None:
        """Left to the service, which knows the clinic."""

    def _post_clean(self) -> None:
        """The service alone writes into the record."""

    def changes(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in DETAILS}


class RegistrationForm(DetailsForm):
    """Details and the two consents. Each consent is asked for by itself, and "not asked" is an honest answer."""

    patient_id = forms.UUIDField(widget=forms.HiddenInput(attrs={"autocomplete": "off"}))
    ai_consent = forms.ChoiceField(
        label=_("May an AI give a second opinion on the photos?"),
        choices=Consent.choices,
        initial=Consent.NOT_ASKED,
        widget=forms.RadioSelect,
        help_text=_("Without consent the case works as usual, but without an AI opinion."),
    )
    training_consent = forms.ChoiceField(
        label=_("May the photos be used to improve the AI?"),
        choices=Consent.choices,
        initial=Consent.NOT_ASKED,
        widget=forms.RadioSelect,
    )

    def changes(self) -> dict[str, Any]:
        return super().changes() | {name: self.cleaned_data[name] for name in ("ai_consent", "training_consent")}


class ConsentForm(forms.Form):
    """One answer of a patient."""

    kind = forms.ChoiceField(choices=[("ai", "ai"), ("training", "training")])
    consent = forms.ChoiceField(choices=Consent.choices)
