"""Staff: photos to take again, reports to hand out, drafts to finish, and the next patient."""

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Clinic, User
from cases import access
from cases.models import Case, CaseState
from cases.report import deliveries
from cases.worklist import targets
from skinclinic.start import moments
from skinclinic.start.card import Card, Fact, Link, Part, about, capped

MOST_LINKS = 3


def counted(person: User, clinic: Clinic) -> dict[str, QuerySet]:
    ours, today = access.cases(person).filter(clinic=clinic), moments.midnight(clinic)
    return {
        "wanted": _wanted(person, clinic),
        "reports": deliveries.ready(person, clinic),
        "drafts": ours.filter(state=CaseState.DRAFT, created_by=person),
        "waiting": ours.filter(state=CaseState.WAITING),
        "late": targets.overdue(clinic).filter(state=CaseState.WAITING),
        "logged": ours.filter(created_at__gte=today),
        # A case that came back with new photos waits anew, and was sent once.
        "sent": ours.filter(first_waiting_since__gte=today),
    }


def _wanted(person: User, clinic: Clinic) -> QuerySet[Case]:
    return access.cases(person).filter(clinic=clinic, state=CaseState.PHOTOS_WANTED)


def part(person: User, clinic: Clinic, found: dict[str, int]) -> Part:
    """One query at most."""
    listed = reverse("worklist")
    cards = []
    if found["wanted"]:
        asked = (
            _wanted(person, clinic)
            .select_related("lesion__patient")
            .order_by("urgency", "waiting_since", "id")[:MOST_LINKS]
        )
        cards.append(
            Card(
                key="photos-wanted",
                icon="camera",
                number=capped(found["wanted"]),
                title=ngettext("case needs new photos", "cases need new photos", found["wanted"]),
                text=_("A doctor waits for better ones; each case says what is wanted."),
                url=f"{listed}?tab={CaseState.PHOTOS_WANTED}",
                action=_("Show the cases"),
                tone="soon",
                links=tuple(Link(about(case), reverse("case_detail", args=[case.id])) for case in asked),
            )
        )
    if found["reports"]:
        cards.append(
            Card(
                key="reports",
                icon="file-text",
                number=capped(found["reports"]),
                title=ngettext("report to print or send", "reports to print or send", found["reports"]),
                text=_("Signed, and not yet with the patient or the referring doctor."),
                url=reverse("report_list"),
                action=_("Show the reports"),
            )
        )
    if found["drafts"]:
        cards.append(
            Card(
                key="drafts",
                icon="pencil",
                number=capped(found["drafts"]),
                title=ngettext("draft of yours", "drafts of yours", found["drafts"]),
                text=_("No doctor sees them before they are sent."),
                url=f"{listed}?tab={CaseState.DRAFT}&mine=1",
                action=_("Go on with them"),
            )
        )
    nothing_else = not cards
    cards.append(
        Card(
            key="new-case",
            icon="plus",
            title=_("The next patient"),
            text=_("Nothing is left to do on the cases you have sent.")
            if nothing_else
            else _("Found or registered first, then the lesion and its photos."),
            url=reverse("case_new"),
            action=_("Log a case"),
            shortcut="n",
        )
    )
    waiting = f"{listed}?tab={CaseState.WAITING}"
    return Part(
        key="desk",
        title=_("At the desk"),
        cards=cards,
        rest="",
        facts=[
            Fact(_("Waiting for a doctor"), capped(found["waiting"]), waiting),
            Fact(_("Over the target"), capped(found["late"]), f"{waiting}&late=1", is_bad=bool(found["late"])),
            Fact(_("Logged today"), capped(found["logged"])),
            Fact(_("Sent today"), capped(found["sent"])),
        ],
    )
