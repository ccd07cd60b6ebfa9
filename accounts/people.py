"""Accounts: created by a clinic's admin, switched off and never deleted, opened by a link or a first password."""

import secrets

from allauth.account.forms import ResetPasswordForm
from django.db import transaction
from django.http import HttpRequest

from accounts.models import ApiToken, Clinic, Membership, User

# Neither 0 and O nor 1, l and I: a first password is read aloud.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


@transaction.atomic
def create(*, email: str, name: str, clinic: Clinic, role: str) -> User:
    """A person with one role; nobody can sign in as them until a password is set."""
    person = User.objects.create_user(email, None, name=name.strip())
    Membership.objects.create(user=person, clinic=clinic, role=role)
    return person


def set_first_password(person: User) -> str:
    """Sets and returns a random password (75 bits), to be told to the person and changed by them."""
    password = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(3))
    person.set_password(password)
    person.save(update_fields=["password"])
    return password


def send_password_link(request: HttpRequest, person: User) -> bool:
    """Mails a link with which the person sets a password; False for those who are switched off."""
    form = ResetPasswordForm({"email": person.email})
    if not person.is_active or not form.is_valid():
        return False
    form.save(request)
    return True


def make_token(holder: User, *, name: str, expiry: object = None) -> tuple[ApiToken, str]:
    """A new API token and its text, which nobody can read again."""
    held, text = ApiToken.objects.create(holder, name=name)
    if expiry:
        held.expiry = expiry
        held.save(update_fields=["expiry"])
    return held, text
