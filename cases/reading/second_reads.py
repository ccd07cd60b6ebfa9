"""When a case is read by two, and who settles what the two disagree on. The clinic says when; the record keeps why."""

import hashlib

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Clinic, Membership, User
from accounts.roles import Capability, roles_with
from cases.models import Case, Certainty, Management, Read, Urgency


class Reason(models.TextChoices):
    """Why a clinic wants two readers; the first that holds is kept."""

    ALL = "all", _("every case is read twice here")
    URGENT = "urgent", _("urgent cases are read twice here")
    TRAINEE = "trainee", _("the first reader is in training")
    AI_DIFFERS = "ai_differs", _("the AI and the first reader disagree")
    UNSURE = "unsure", _("the first reader was not sure")
    SHARE = "share", _("drawn at random")


def reason(case: Case, read: Read) -> str:
    """A code of `Reason` if the clinic wants a second reader after `read`; empty if not, or if it has no other one."""
    clinic = case.clinic
    wanted = {
        Reason.ALL: clinic.second_read_all,
        Reason.URGENT: clinic.second_read_urgent and case.urgency == Urgency.URGENT,
        Reason.TRAINEE: clinic.second_read_trainee and _is_trainee(clinic, read),
        Reason.AI_DIFFERS: clinic.second_read_ai_differs and read.agrees_with_ai is False,
        Reason.UNSURE: clinic.second_read_unsure and read.certainty == Certainty.POSSIBLE,
        Reason.SHARE: drawn(case, clinic.second_read_share),
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


def is_only_arbiter(clinic: Clinic, reader: User) -> bool:
    """Whether nobody but `reader` may settle a disagreement here: then they may, even as one of the two."""
    may_settle = Membership.objects.filter(
        clinic=clinic, role__in=roles_with(Capability.ARBITRATE), user__is_active=True
    )
    return set(may_settle.values_list("user", flat=True)) == {reader.id}


def _is_trainee(clinic: Clinic, read: Read) -> bool:
    return Membership.objects.filter(clinic=clinic, user=read.reader_id, is_trainee=True).exists()


def _has_another_reader(clinic: Clinic, read: Read) -> bool:
    readers = Membership.objects.filter(
        clinic=clinic, role__in=roles_with(Capability.SIGN_READS), user__is_active=True, is_trainee=False
    )
    return readers.exclude(user=read.reader_id).exists()
