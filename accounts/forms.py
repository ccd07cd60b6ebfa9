"""The forms around a password, with labels in the words of the other pages."""

from typing import Any

from allauth.account import forms
from django.utils.translation import gettext_lazy as _

_LABELS = {
    "oldpassword": _("Current password"),
    "password1": _("New password"),
    "password2": _("New password again"),
}


class _Labelled:
    fields: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in _LABELS.items():
            if name in self.fields:
                self.fields[name].label = label


class ChangePasswordForm(_Labelled, forms.ChangePasswordForm):
    pass


class ResetPasswordKeyForm(_Labelled, forms.ResetPasswordKeyForm):
    pass
