"""Signing in to the REST API with a token."""

import contextlib

from auditlog.context import auditlog_value
from django.utils.translation import gettext_lazy as _
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from accounts.models import ApiToken, User


class ApiTokenAuthentication(TokenAuthentication):
    """`Authorization: Token …`; the audit log learns who acts."""

    def _cleanup_token(self, auth_token: ApiToken) -> bool:
        # Knox looks through all tokens of the person for expired ones; most never expire (REST_KNOX).
        return auth_token.expiry is not None and super()._cleanup_token(auth_token)

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        if not token.isascii() or b"\x00" in token:  # PostgreSQL takes no such text
            raise AuthenticationFailed(_("Invalid token."))
        user, held = super().authenticate_credentials(token)
        # The audit log's middleware ran before the token was read, so it took the request for a stranger's.
        with contextlib.suppress(LookupError):
            auditlog_value.get()["actor"] = user
        return user, held
