"""When a case is read by two, and who settles what the two disagree on. The clinic says when; the record keeps why."""

import hashlib
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Clinic, Membership, User
from accounts.roles import Capability, roles_with
from cases.models import Case, Certainty, Management, Read, ReadStage, Urgency
from cases.prediction import opinions
from cases.worklist.readable import closed_to


class Reason(models.TextChoices):
    """Why a clinic wants two readers; the first that holds is kept."""

    ALL = "all", _("every case is read twice here")
    URGENT = "urgent", _("urgent cases are read twice here")
    TRAINEE = "trainee", _("the first reader is in training")
    AI_DIFFERS = "ai_differs", _("the AI and the first reader disagree")
    UNSURE = "unsure", _("the first reader was not sure")
    SHARE = "share", _("drawn at random")
    # Until the AI's opinion is there or will not come; then the clinic's policy is asked again (`reads.ask_again`).
    AI_PENDING = "ai_pending", _("the AI's opinion, with which the first read is compared, is still to come")


def reason(case: Case, read: Read) -> str:
    """A code of `Reason` if the clinic wants a second reader after `read`; empty if not, or if it has no other one."""
    clinic = case.clinic
    compared = _compared_with_ai(case, read) if clinic.second_read_ai_differs else ""
    wanted = {
        Reason.ALL: clinic.second_read_all,
        Reason.URGENT: clinic.second_read_urgent and case.urgency == Urgency.URGENT,
        Reason.TRAINEE: clinic.second_read_trainee and is_trainee(clinic, read.reader_id),
        Reason.AI_DIFFERS: compared == Reason.AI_DIFFERS,
        Reason.UNSURE: clinic.second_read_unsure and read.certainty == Certainty.POSSIBLE,
        Reason.SHARE: drawn(case, clinic.second_read_share),
        Reason.AI_PENDING: compared == Reason.AI_PENDING,
    }
    found = next((code for code, holds in wanted.items() if holds), None)
    return found.value if found and _has_another_reader(clinic, read) else ""


def drawn(case: Case, share: int) -> bool:
    """Whether `case` belongs to the random `share` per cent. By its id: no reader can draw again."""
    return int(hashlib.sha256(case.id.bytes).hexdigest(), 16) % 100 < share


def agree(one: Read, other: Read) -> bool:
    """Whether two reads lead to the same: the same condition, and both or neither send the patient home."""
    goes_home = [read.management == Management.DISCHARGE for read in (one, other)]
    return one.condition_id == other.condition_id and goes_home[0] == goes_home[1]


def are_wanted(clinic: Clinic) -> bool:
    """Whether the clinic wants any case read twice."""
    return bool(
        clinic.second_read_all
        or clinic.second_read_urgent
        or clinic.second_read_trainee
        or clinic.second_read_ai_differs
        or clinic.second_read_unsure
        or clinic.second_read_share
    )


def is_closed_to(reader: User, case: Case) -> bool:
    """`closed_to` (cases/worklist/readable.py) for one case; needs `case.clinic`."""
    if case.read_stage != ReadStage.SECOND:
        return False
    return Case.objects.filter(closed_to(reader, case.clinic), pk=case.pk).exists()


def _compared_with_ai(case: Case, read: Read) -> str:
    """AI_DIFFERS, AI_PENDING or neither: the AI's opinion in the record beside what the reader says and first said.

    Whatever the reader saw: one who changed their mind for the AI's, or signed without it, disagreed all the same. A
    stopped AI, and one whose patient does not consent, has no say.
    """
    if case.clinic.ai_is_stopped:
        return ""
    found = opinions.with_photos(Case.objects.select_related("lesion__patient")).get(pk=case.pk)
    card = opinions.card(found, names={})
    stored = card.chosen.prediction if card.is_visible and card.chosen else None
    says = stored.first_condition if stored else None
    said = {read.condition_id, read.first_opinion.condition_id if read.first_opinion else read.condition_id}
    # The photo that the reader looked at may not be the one whose opinion stands for the case.
    if read.agrees_with_ai is False or (says and said != {says}):
        return Reason.AI_DIFFERS
    return Reason.AI_PENDING if card.is_pending else ""


def is_trainee(clinic: Clinic, reader_id: UUID) -> bool:
    return Membership.objects.filter(clinic=clinic, user=reader_id, is_trainee=True).exists()


def _has_another_reader(clinic: Clinic, read: Read) -> bool:
    readers = Membership.objects.filter(
        clinic=clinic, role__in=roles_with(Capability.SIGN_READS), user__is_active=True, is_trainee=False
    )
    return readers.exclude(user=read.reader_id).exists()
