from typing import ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class ClosedSignupAdapter(DefaultAccountAdapter):
    """Nobody signs up: a clinic's admin creates accounts."""

    error_messages: ClassVar = {
        **DefaultAccountAdapter.error_messages,
        # Which of the two it is tells nobody whose address is known here.
        "email_password_mismatch": _(
            "The email or the password is wrong. Check both, or ask for a new password below."
        ),
        "enter_current_password": _("This is not your current password. Type it again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
