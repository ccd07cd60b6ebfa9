"""The reader's side of "photos wanted": what is wrong, and what to take."""

from django import forms
from django.utils.translation import gettext_lazy as _

from cases.models import PhotoFault


class PhotoRequestForm(forms.Form):
    request_id = forms.UUIDField(widget=forms.HiddenInput)
    faults = forms.MultipleChoiceField(
        label=_("What is wrong?"),
        help_text=_("Tick what it is, or say below what to take: one of the two is needed."),
        choices=PhotoFault.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    note = forms.CharField(
        label=_("What should staff take?"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    photo = forms.UUIDField(required=False)
