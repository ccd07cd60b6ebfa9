from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from accounts.models import Clinic
from cases.models.condition import Urgency
from cases.models.lesion import Lesion


class CaseState(models.TextChoices):
    """draft -> waiting -> signed, with waiting <-> photos wanted between.

    Every state before the signed one can be withdrawn, and a withdrawn case restored.
    """

    DRAFT = "draft", _("Draft")
    WAITING = "waiting", _("Waiting for a doctor")
    PHOTOS_WANTED = "photos", _("Photos wanted")
    SIGNED = "signed", _("Signed")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class ReadStage(models.TextChoices):
    """Whose read a waiting case waits for. It is signed when no further read is asked for."""

    FIRST = "first", _("First read")
    SECOND = "second", _("Second read")
    ARBITRATION = "arbitration", _("Arbitration")


class Answer(models.TextChoices):
    YES = "yes", _("Yes")
    NO = "no", _("No")
    UNKNOWN = "unknown", _("Unknown")


class Case(models.Model):
    """One visit or referral about one lesion."""

    QUESTIONS = ("itch", "grew", "hurt", "changed", "bled", "raised")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The lesion's patient's clinic, repeated here because every list filters and sorts by it.
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="cases", verbose_name=_("clinic"))
    number = models.PositiveIntegerField(_("number"), editable=False, help_text=_("counts up in each clinic"))
    lesion = models.ForeignKey(Lesion, on_delete=models.PROTECT, related_name="cases", verbose_name=_("lesion"))
    state = models.CharField(_("state"), max_length=10, choices=CaseState.choices, default=CaseState.DRAFT)
    # What staff chose, and whether the AI's flag raised it; `urgency` is the more urgent of both.
    read_stage = models.CharField(
        _("read that it waits for"), max_length=11, choices=ReadStage.choices, default=ReadStage.FIRST, editable=False
    )
    # Whether any reader has committed a first opinion (cases/reading/first_opinions.py): an index finds those few.
    has_first_opinion = models.BooleanField(default=False, editable=False)
    # A code of cases/reading/second_reads.py: why the clinic wants two readers here.
    second_read_reason = models.CharField(_("why a second read"), max_length=20, blank=True, editable=False)
    requested_urgency = models.PositiveSmallIntegerField(
        _("urgency asked for"), choices=Urgency.choices, default=Urgency.ROUTINE
    )
    flagged_by_ai = models.BooleanField(_("flagged urgent by the AI"), default=False, editable=False)
    urgency = models.PositiveSmallIntegerField(
        _("urgency"), choices=Urgency.choices, default=Urgency.ROUTINE, editable=False
    )
    itch = models.CharField(_("itches"), max_length=7, choices=Answer.choices, default=Answer.UNKNOWN)
    grew = models.CharField(_("has grown"), max_length=7, choices=Answer.choices, default=Answer.UNKNOWN)
    hurt = models.CharField(_("hurts"), max_length=7, choices=Answer.choices, default=Answer.UNKNOWN)
    changed = models.CharField(_("has changed"), max_length=7, choices=Answer.choices, default=Answer.UNKNOWN)
    bled = models.CharField(_("has bled"), max_length=7, choices=Answer.choices, default=Answer.UNKNOWN)
    raised = models.CharField(_("is raised"), max_length=7, choices=Answer.choices, default=Answer.UNKNOWN)
    note = models.TextField(_("note for the doctor"), max_length=2000, blank=True)
    created_at = models.DateTimeField(_("logged"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        editable=False,
        related_name="+",
        verbose_name=_("logged by"),
    )
    # From when the target counts; it begins anew where the case comes back with new photos.
    waiting_since = models.DateTimeField(_("waiting since"), null=True, blank=True, editable=False)
    # From when the patient waits: what the figures call turnaround.
    first_waiting_since = models.DateTimeField(_("first sent"), null=True, blank=True, editable=False)
    signed_at = models.DateTimeField(_("first signed"), null=True, blank=True, editable=False)
    # When a read after the signature last put it in question (cases/reading/questions.py); empty once that is settled.
    questioned_at = models.DateTimeField(_("in question since"), null=True, blank=True, editable=False)
    withdrawn_reason = models.CharField(_("why it was withdrawn"), max_length=200, blank=True, editable=False)

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["clinic", "number"], name="case_number_unique_in_clinic"),
            models.CheckConstraint(condition=models.Q(state__in=CaseState.values), name="case_state_is_known"),
            models.CheckConstraint(
                condition=~models.Q(state__in=[CaseState.WAITING, CaseState.PHOTOS_WANTED])
                | models.Q(waiting_since__isnull=False),
                name="waiting_case_has_since_when",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=CaseState.SIGNED) | models.Q(signed_at__isnull=False),
                name="signed_case_has_when",
            ),
            models.CheckConstraint(condition=models.Q(read_stage__in=ReadStage.values), name="case_stage_is_known"),
            models.CheckConstraint(condition=models.Q(urgency__in=Urgency.values), name="case_urgency_is_known"),
        ]
        indexes = [
            models.Index(fields=["clinic", "state", "urgency", "waiting_since", "id"], name="case_worklist"),
            # With the state, so that what is counted by day is counted in the index.
            models.Index(fields=["clinic", "-created_at", "-id", "state"], name="case_latest"),
            models.Index(fields=["clinic", "signed_at", "id", "state"], name="case_signed"),
            models.Index(
                fields=["clinic", "questioned_at", "id"],
                name="case_questioned",
                condition=models.Q(questioned_at__isnull=False),
            ),
            # Of the unsigned ones, the few whose AI opinion a reader who reads first may see (cases/blinding.py).
            models.Index(
                fields=["clinic", "state", "urgency", "waiting_since", "id"],
                name="case_begun",
                condition=models.Q(state__in=["draft", "waiting", "photos", "withdrawn"])
                & (models.Q(has_first_opinion=True) | ~models.Q(read_stage="first")),
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """What people call the case: "Case 1024"."""
        return f"{_('Case')} {self.number}"

    @property
    def answers(self) -> list[tuple[str, str]]:
        """The clinical answers as (question, answer) in words, in the order of the form."""
        return [(question_in_words(name), getattr(self, f"get_{name}_display")()) for name in self.QUESTIONS]

    @property
    def is_open(self) -> bool:
        """Whether answers and photos may still change."""
        return self.state in OPEN_STATES


def question_in_words(name: str) -> str:
    """What the form asks: "bled" -> "has bled"."""
    field = Case._meta.get_field(name)
    if not isinstance(field, models.Field):
        raise TypeError(f"{name} is no question of a case")
    return str(field.verbose_name)


# As a filter: Case.objects.filter(state__in=OPEN_STATES); tests hold the property and the filter equal.
OPEN_STATES = (CaseState.DRAFT, CaseState.WAITING, CaseState.PHOTOS_WANTED)
# Sent to the doctors and not signed yet: what reservations and unfinished reads are about.
UNREAD_STATES = (CaseState.WAITING, CaseState.PHOTOS_WANTED)
# Where somebody may still give a read, if not now: what blinding is about. A draft will be sent, a withdrawn case can
# be restored.
UNSIGNED_STATES = (*OPEN_STATES, CaseState.WITHDRAWN)
