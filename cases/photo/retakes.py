"""A reader asks for better photos; staff see what to retake, and the case comes back with them or with a reason."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import can
from accounts.models import User
from accounts.roles import Capability
from cases.errors import Refused, wrong_state
from cases.models import Case, CaseState, NotificationKind, PhotoFault, PhotoRequest, Reservation
from cases.notifications import telling


def open_request(case: Case) -> PhotoRequest | None:
    return (
        PhotoRequest.objects.select_related("asked_by")
        .filter(case=case, answered_at__isnull=True, cancelled_at__isnull=True)
        .first()
    )


@transaction.atomic
def ask(
    *, case_id: UUID, by: User, request_id: UUID, faults: Iterable[str], note: str = "", photo: UUID | None = None
) -> PhotoRequest:
    """Sends a waiting case back to staff.

    Args:
        request_id: made by the client, so that a double click asks once.
        faults: codes of PhotoFault; words alone in `note` are a fault, too.
        photo: the one that is to be taken again; without it, it is about the case's photos as a whole.

    Raises:
        Refused: the reader may not sign here, the case does not wait, nothing says what is wrong, or the photo is none
            of the case.
    """
    case = _locked(case_id)
    if not can(by, case.clinic_id, Capability.SIGN_READS):
        raise Refused(_("You may not sign reads in this clinic."), code="not_allowed")
    known = PhotoRequest.objects.filter(id=request_id).first()
    if known and known.case_id == case.id and known.asked_by_id == by.id:
        return known
    if known:
        raise Refused(_("These photos were asked for already. Reload the page."), code="id_taken")
    if case.state != CaseState.WAITING:
        raise wrong_state(case.get_state_display())
    codes, note = [code for code in PhotoFault.values if code in set(faults)], note.strip()
    if codes in ([], [PhotoFault.OTHER]) and not note:
        raise Refused(_("Say what is wrong with the photos, so that staff know what to retake."), code="faults")
    if photo and not case.images.filter(id=photo, removed_at__isnull=True).exists():
        raise Refused(_("This photo is no longer in the case. Choose another one."), code="photo")
    case.state = CaseState.PHOTOS_WANTED
    case.save(update_fields=["state"])
    Reservation.objects.filter(case=case).delete()
    telling.settle(NotificationKind.URGENT_WAITING, case)
    telling.notify(NotificationKind.PHOTOS_WANTED, case=case, occasion=request_id)
    return PhotoRequest.objects.create(id=request_id, case=case, asked_by=by, faults=codes, note=note, photo_id=photo)


@transaction.atomic
def take_back(request_id: UUID, by: User) -> PhotoRequest:
    """The reader needs no better photos after all: the case waits again.

    Raises:
        Refused: the person may not sign here, or staff have answered by now.
    """
    asked = PhotoRequest.objects.get(id=request_id)
    case = _locked(asked.case_id)
    asked.refresh_from_db()
    if not can(by, case.clinic_id, Capability.SIGN_READS):
        raise Refused(_("You may not sign reads in this clinic."), code="not_allowed")
    if asked.cancelled_at:
        return asked
    if asked.answered_at or case.state != CaseState.PHOTOS_WANTED:
        raise Refused(_("Staff have answered this request in the meantime."), code="answered")
    asked.cancelled_at = timezone.now()
    asked.save(update_fields=["cancelled_at"])
    telling.retract(NotificationKind.PHOTOS_WANTED, case, asked.pk)
    telling.settle(NotificationKind.PHOTOS_DUE, case)
    case.state = CaseState.WAITING
    case.save(update_fields=["state"])
    telling.urgent_case(case, asked.pk)
    return asked


def answer(case: Case, by: User | None, why_not: str = "") -> None:
    """Closes the open request of `case`, whose row the caller has locked, and lets it wait again.

    Raises:
        Refused: no photo was added since, and nothing says why there is none ("no_new_photo").
    """
    asked = open_request(case)
    if asked is None:
        raise wrong_state(case.get_state_display())
    why_not = why_not.strip()
    photos = case.images.filter(removed_at__isnull=True)
    if not why_not and not photos.filter(created_at__gt=asked.asked_at).exists():
        raise Refused(
            _("Add at least one new photo, or say why there can be none, before you send the case back."),
            code="no_new_photo",
        )
    asked.answered_at, asked.answered_by, asked.answer = timezone.now(), by, why_not[:300]
    asked.save(update_fields=["answered_at", "answered_by", "answer"])
    case.state = CaseState.WAITING
    # The reader's time begins anew; how long the patient waits in all counts from `first_waiting_since`.
    case.waiting_since = asked.answered_at
    case.save(update_fields=["state", "waiting_since"])
    telling.settle(NotificationKind.PHOTOS_WANTED, case)
    telling.settle(NotificationKind.PHOTOS_DUE, case)
    telling.urgent_case(case, asked.pk)


def _locked(case_id: UUID) -> Case:
    return Case.objects.select_for_update(of=("self",)).get(id=case_id)
