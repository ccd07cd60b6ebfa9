"""One request, one effect, one answer: what the API promises to a client that sends an `Idempotency-Key`.

The first request with a key claims it, works, and leaves its answer; the same request again gets that answer. A
process that dies in between leaves a claim whose lease runs out: the next try takes it over and makes the record
under the same id, so the services find what was made already. No transaction is held during the work.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from cryptography.fernet import Fernet
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from cases.errors import Refused
from cases.jobs import leases
from cases.models import KeptAnswer

KEPT = timedelta(hours=24)
# Far longer than the work under a key takes, and no limit to it: nothing ends a request that hangs in one of gunicorn's
# threads. Work that outlasts it may be done by the next try too, then for a record under the same id.
LEASE = timedelta(seconds=90)
LONGEST_KEY = 255

IN_PROGRESS, REUSED, BAD_KEY = "idempotency_in_progress", "idempotency_key_reused", "idempotency_key"


@dataclass(frozen=True)
class Claim:
    """The right to work under a key: `keep` an answer or `release` the key."""

    row_id: UUID
    token: UUID
    record_id: UUID
    cipher: Fernet

    def keep(self, status: int, body: bytes, shown_id: UUID | None = None) -> None:
        """Leaves the answer for the next who asks the same; one that came first stays."""
        KeptAnswer.objects.filter(id=self.row_id, claim_token=self.token, status__isnull=True).update(
            status=status, body=self.cipher.encrypt(body), shown_id=shown_id
        )

    def release(self) -> None:
        """Nothing was done: the same key may be used anew."""
        KeptAnswer.objects.filter(id=self.row_id, claim_token=self.token, status__isnull=True).delete()


@dataclass(frozen=True)
class Repeat:
    """The answer that the first request got."""

    status: int
    body: bytes
    shown_id: UUID | None


def begin(*, user: User, caller: str, key: str, fingerprint: str) -> Claim | Repeat:
    """Claims `key` for this request, or finds what was answered under it.

    Args:
        caller: tells apart the user's ways in (a token's digest); each has keys of its own.
        fingerprint: of the request, see `fingerprint_of`.

    Raises:
        Refused: the key is no key (code "idempotency_key"), belongs to another request ("idempotency_key_reused"),
            or its first request is still at work ("idempotency_in_progress").
    """
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise Refused(_("An Idempotency-Key has 1 to 255 printable ASCII characters."), code=BAD_KEY)
    secret = f"{caller}\x1f{key}"
    digest = salted_hmac("cases.idempotency.key", secret, algorithm="sha256").hexdigest()
    cipher = Fernet(
        base64.urlsafe_b64encode(salted_hmac("cases.idempotency.body", secret, algorithm="sha256").digest())
    )
    now = timezone.now()
    token, until = uuid4(), now + LEASE
    try:
        with transaction.atomic():
            row = KeptAnswer.objects.create(
                user=user, key_digest=digest, fingerprint=fingerprint, claim_token=token, lease_until=until
            )
        return Claim(row.id, token, row.record_id, cipher)
    except IntegrityError:
        known = KeptAnswer.objects.filter(user=user, key_digest=digest).first()
    if known is None:  # released or swept this very moment
        raise _in_progress()
    if known.first_asked_at < now - KEPT:
        # Too old to be answered, and the sweep has not come by: away with it, and once more.
        KeptAnswer.objects.filter(id=known.id, first_asked_at=known.first_asked_at).delete()
        return begin(user=user, caller=caller, key=key, fingerprint=fingerprint)
    if known.fingerprint != fingerprint:
        raise Refused(
            _("This Idempotency-Key was used for another request. Make a new key for each request."), code=REUSED
        )
    if known.status is not None and known.body is not None:
        return Repeat(known.status, cipher.decrypt(bytes(known.body)), known.shown_id)
    # Its owner died if the lease has run out; one of those who ask now takes its place.
    taken = KeptAnswer.objects.filter(leases.ended(now, LEASE), id=known.id, status__isnull=True)
    if not taken.update(claim_token=token, lease_until=until):
        raise _in_progress()
    return Claim(known.id, token, known.record_id, cipher)


def fingerprint_of(method: str, path: str, body: Any) -> str:
    """A digest that the same request has again: 64 letters, from which nobody learns what was sent.

    Args:
        body: parsed JSON, or a form's fields; files count by their bytes, so a new multipart boundary changes nothing.
    """
    if hasattr(body, "lists"):  # a form: each name may stand several times
        body = {name: [_by_bytes(value) for value in values] for name, values in body.lists()}
    elif isinstance(body, Mapping):
        body = dict(body)
    text = json.dumps([method, path, body], sort_keys=True, default=str)
    return salted_hmac("cases.idempotency.request", text, algorithm="sha256").hexdigest()


def sweep() -> int:
    """Forgets the answers that nobody may ask for any more; returns their number."""
    forgotten, _kinds = KeptAnswer.objects.filter(first_asked_at__lt=timezone.now() - KEPT).delete()
    return forgotten


def _by_bytes(value: object) -> object:
    if not isinstance(value, UploadedFile):
        return value
    digest = hashlib.sha256()
    for chunk in value.chunks():
        digest.update(chunk)
    value.seek(0)
    return {"sha256": digest.hexdigest()}


def _in_progress() -> Refused:
    return Refused(_("The first request with this Idempotency-Key is still at work. Ask again."), code=IN_PROGRESS)
