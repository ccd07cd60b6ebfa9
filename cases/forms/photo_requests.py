"""The reader's side of "photos wanted": what is wrong, and what to take."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cases.models import PhotoFault


class NumberedCheckboxes(forms.CheckboxSelectMultiple):
    """Boxes that the keys 1 to 9 tick while their dialog is open (static/js/shortcuts.js); templates/_field.html shows
    the keys.
    """

    def create_option(
        self, name: str, value: Any, label: Any, selected: bool, index: int, *args: Any, **kwargs: Any
    ) -> Any:
        option = super().create_option(name, value, label, selected, index, *args, **kwargs)
        if index < 9:
            option["key"] = option["attrs"]["data-dialog-key"] = str(index + 1)
        return option


class PhotoRequestForm(forms.Form):
    request_id = forms.UUIDField(widget=forms.HiddenInput)
    faults = forms.MultipleChoiceField(
        label=_("What is wrong?"),
        help_text=_("Tick what it is, or say below what to take: one of the two is needed."),
        choices=PhotoFault.choices,
        required=False,
        widget=NumberedCheckboxes,
    )
    note = forms.CharField(
        label=_("What should staff take?"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2, "data-dialog-key": "c"}),
    )
    photo = forms.UUIDField(required=False)
