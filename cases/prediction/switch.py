"""One switch that stops the AI for a whole clinic: no opinion is computed or shown; everything else goes on."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import can
from accounts.models import Clinic, User
from accounts.roles import Capability
from cases.errors import Refused
from cases.prediction import asking


@transaction.atomic
def stop(clinic_id: UUID, by: User, reason: str) -> Clinic:
    """Stops the AI; the audit log keeps who, when and why. A clinic whose AI is stopped stays as it is.

    Raises:
        Refused: the person may not stop it here, or says no reason.
    """
    clinic = _locked(clinic_id, by)
    if clinic.ai_is_stopped:
        return clinic
    if not reason.strip():
        raise Refused(_("Say why the AI is stopped, so that everybody here knows."), code="reason_missing")
    clinic.ai_stopped_at, clinic.ai_stopped_by, clinic.ai_stopped_reason = timezone.now(), by, reason.strip()[:300]
    clinic.save(update_fields=["ai_stopped_at", "ai_stopped_by", "ai_stopped_reason"])
    asking.ai_stopped(clinic)
    return clinic


@transaction.atomic
def start(clinic_id: UUID, by: User) -> Clinic:
    """Starts the AI again: what is still open is asked for now.

    Raises:
        Refused: the person may not start it here.
    """
    clinic = _locked(clinic_id, by)
    if not clinic.ai_is_stopped:
        return clinic
    clinic.ai_stopped_at, clinic.ai_stopped_by, clinic.ai_stopped_reason = None, None, ""
    clinic.save(update_fields=["ai_stopped_at", "ai_stopped_by", "ai_stopped_reason"])
    asking.ai_started(clinic)
    return clinic


def _locked(clinic_id: UUID, by: User) -> Clinic:
    clinic = Clinic.objects.select_for_update(of=("self",)).get(id=clinic_id)
    if not can(by, clinic, Capability.STOP_AI):
        raise Refused(_("You may not stop or start the AI in this clinic."), code="not_allowed")
    return clinic
