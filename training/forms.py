"""What leads type on the models' pages."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from training import testsets


class ReasonForm(forms.Form):
    """Why: it stands in the log for good, with the name of who decided."""

    reason = forms.CharField(
        max_length=500,
        label=_("Reason"),
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Say why: the reason stands in the log for good.")},
    )


class CompareForm(forms.Form):
    source = forms.ChoiceField(label=_("Test set"))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["source"].choices = [(each.key, each.title) for each in testsets.available()]  # type: ignore[attr-defined]
