"""What the list of notifications says. Made from the record whenever it is shown, so that it is never out of date."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from cases.models import Notification, NotificationKind, Read
from cases.notifications import inbox

ICONS = {
    NotificationKind.URGENT_WAITING: "mark-urgent",
    NotificationKind.DUE_SOON: "clock",
    NotificationKind.OVERDUE: "hourglass",
    NotificationKind.FLAGGED_LATE: "mark-urgent",
    NotificationKind.PHOTOS_WANTED: "camera",
    NotificationKind.PHOTOS_DUE: "camera",
    NotificationKind.REPORT_READY: "file-text",
    NotificationKind.REPORT_AMENDED: "file-text",
    NotificationKind.ARBITRATION: "scale",
    NotificationKind.IN_QUESTION: "scale",
    NotificationKind.OUTCOME_KNOWN: "microscope",
    NotificationKind.TRAINING_DONE: "brain",
}


@dataclass(frozen=True)
class Line:
    """One notification as the list shows it."""

    notification: Notification
    icon: str
    title: str
    text: str
    place: str  # the clinic, for those who work in several


def lines(person: User, found: Sequence[Notification]) -> list[Line]:
    """The lines of notifications from `inbox.listed(person)`; two queries at most."""
    said = _said(person, found)
    return [
        Line(
            notification=each,
            icon=ICONS[NotificationKind(each.kind)],
            title=each.get_kind_display(),
            text=_text(each, said),
            place=inbox.clinic_name(person, each.clinic),
        )
        for each in found
    ]


def address(notification: Notification) -> str:
    """The page that it is about."""
    if notification.model_version_id:
        return reverse("model_detail", args=[notification.model_version_id])
    is_report = notification.kind in (NotificationKind.REPORT_READY, NotificationKind.REPORT_AMENDED)
    return reverse("report_page" if is_report else "case_detail", args=[notification.case_id])


def _said(person: User, found: Sequence[Notification]) -> dict[UUID, Read]:
    """What `person` signed last on the cases whose outcome is known by now."""
    cases = [each.case_id for each in found if each.kind == NotificationKind.OUTCOME_KNOWN]
    if not cases:
        return {}
    own = Read.objects.filter(reader=person, case__in=cases).select_related("condition").order_by("signed_at", "id")
    return {read.case_id: read for read in own}


def _text(notification: Notification, said: dict[UUID, Read]) -> str:
    case, version = notification.case, notification.model_version
    if case is None:
        return version.name if version else ""
    about = f"{case.reference}: {case.lesion.patient}, {case.lesion.place}"
    outcome = getattr(case, "outcome", None)
    if notification.kind != NotificationKind.OUTCOME_KNOWN or outcome is None:
        return about
    read = said.get(case.pk)
    if read is None:
        return _("The biopsy says %(found)s. %(case)s") % {"found": outcome.condition, "case": about}
    if read.condition_id == outcome.condition_id:
        return _("The biopsy of a case you read says %(found)s, as you did. %(case)s") % {
            "found": outcome.condition,
            "case": about,
        }
    return _("The biopsy of a case you read says %(found)s; you said %(said)s. %(case)s") % {
        "found": outcome.condition,
        "said": read.condition,
        "case": about,
    }
