"""Which reports are still to be printed or sent, and the mark that one was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.access import can
from accounts.models import Clinic, User
from accounts.roles import Capability
from cases import access
from cases.errors import Conflict, Refused
from cases.models import (
    Case,
    CaseState,
    Delivery,
    Lesion,
    NotificationKind,
    Outcome,
    Read,
    ReadKind,
    RecordCorrection,
    ReportDelivery,
)
from cases.notifications import telling
from cases.reading import labels
from cases.report import content

# A clinic that never marks anything would else have every case that it ever signed on its list.
READY_FOR = timedelta(days=60)
COUNT_LIMIT = 99


def ready(person: access.Person, clinic: Clinic) -> QuerySet[Case]:
    """Signed cases whose report nobody has printed or sent as it is now; the newest first.

    What is corrected of a patient or a lesion counts for reports that were signed or amended of late. Older ones were
    right when they were given, as a patient's name was that has changed since; whoever opens them sees the correction.
    """
    since = timezone.now() - READY_FOR
    newest = Read.objects.filter(case=OuterRef("pk")).order_by("-signed_at").values("signed_at")[:1]
    amended = Read.objects.filter(
        kind__in=[ReadKind.CORRECTION, ReadKind.ADDITIONAL], signed_at__gte=since, case__clinic=clinic
    )
    found = Outcome.objects.filter(recorded_at__gte=since, case__clinic=clinic)
    recent = Q(signed_at__gte=since) | Q(id__in=amended.values("case")) | Q(id__in=found.values("case"))
    return (
        access.cases(person)
        .filter(recent, clinic=clinic, state=CaseState.SIGNED)
        .select_related("outcome__recorded_by")
        .annotate(read_at=Subquery(newest), correction=Subquery(content.corrections().values("id")[:1]))
        .annotate(corrected_at=Subquery(content.corrections().values("at")[:1]))
        .annotate(
            report_at=Greatest(
                "read_at", Coalesce("outcome__recorded_at", F("read_at")), Coalesce("corrected_at", F("read_at"))
            )
        )
        .filter(~Exists(ReportDelivery.objects.filter(case=OuterRef("pk"), at__gte=OuterRef("report_at"))))
        .order_by("-report_at", "-id")
    )


def count(person: access.Person, clinic: Clinic) -> str:
    """How many are ready, as the tabs say it: counting stops where it would cost."""
    number = ready(person, clinic).order_by().values("id")[: COUNT_LIMIT + 1].count()
    return f"{COUNT_LIMIT}+" if number > COUNT_LIMIT else str(number)


@dataclass(frozen=True)
class Row:
    """One report of the list, with what was signed, recorded or corrected last."""

    case: Case
    at: datetime
    by: User
    conclusion: Read

    @property
    def is_amended(self) -> bool:
        return self.case.signed_at is not None and self.at > self.case.signed_at


def rows(found: Sequence[Case]) -> list[Row]:
    """Rows of cases from `ready`; two queries."""
    signed: dict[UUID, list[Read]] = {}
    for read in (
        Read.objects.filter(case__in=[case.pk for case in found])
        .select_related("condition", "reader")
        .order_by("signed_at", "id")
    ):
        signed.setdefault(read.case_id, []).append(read)
    wanted = [case.correction for case in found]  # type: ignore[attr-defined]  # set by ready
    corrected = RecordCorrection.objects.select_related("by").in_bulk(each for each in wanted if each)
    return [
        _row(case, signed[case.pk], corrected.get(correction)) for case, correction in zip(found, wanted, strict=True)
    ]


def _row(case: Case, signed: Sequence[Read], correction: RecordCorrection | None) -> Row:
    happened = [(signed[-1].signed_at, signed[-1].reader)]
    if outcome := getattr(case, "outcome", None):
        happened.append((outcome.recorded_at, outcome.recorded_by))
    if correction:
        happened.append((correction.at, correction.by))
    at, by = max(happened, key=itemgetter(0))
    return Row(case, at, by, labels.decisive(signed))


def of(case: Case) -> QuerySet[ReportDelivery]:
    return case.report_deliveries.select_related("by")


@transaction.atomic
def mark(*, case_id: UUID, by: User, delivery_id: UUID, how: str, digest: str) -> ReportDelivery:
    """Says that the report with `digest` was printed, sent or handed over; `delivery_id` is made by the client.

    Raises:
        Refused: the person may not do this here, there is no such way, or the case is not signed.
        Conflict: the report was amended since they looked at it.
    """
    # Whoever corrects what the report says holds one of these: a correction comes before the mark, or after it.
    Lesion.objects.select_for_update(of=("self", "patient")).select_related("patient").get(cases=case_id)
    case = Case.objects.select_for_update(of=("self",)).get(id=case_id)
    if not can(by, case.clinic_id, Capability.LOG_CASES):
        raise Refused(_("You may not do this in this clinic."), code="not_allowed")
    if known := ReportDelivery.objects.filter(id=delivery_id).first():
        if known.case_id != case.id or known.by_id != by.id:
            raise Refused(_("This was marked already. Reload the page."), code="id_taken")
        return known
    if how not in Delivery.values:
        raise Refused(_("Say whether it was printed, sent or given to the patient."), code="how")
    now = content.of(content.with_content(Case.objects.filter(id=case_id)).get())
    if now.digest != digest:
        raise Conflict(_("The report has changed since you opened it. Look at it as it is now, then print or send it."))
    for kind in (NotificationKind.REPORT_READY, NotificationKind.REPORT_AMENDED):
        telling.settle(kind, case)
    return ReportDelivery.objects.create(id=delivery_id, case=case, how=how, version=now.version, digest=digest, by=by)
