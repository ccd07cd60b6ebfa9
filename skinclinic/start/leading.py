"""Leads: what is late, what a new model would flag, models to judge, and whether the data has shifted."""

from datetime import timedelta

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Clinic, User
from cases import access
from cases.figures import drift
from cases.figures.evidence import photos_asked
from cases.figures.scope import Scope
from cases.models import Case, CaseState
from cases.worklist import second_looks, targets
from inference.models import ModelState, ModelVersion
from skinclinic.start.card import Card, Fact, Link, Part, about, capped
from training import access as training_access
from training.models import PENDING

# The newest photos of four weeks: enough to notice a shift, and read in milliseconds.
DRIFT_DAYS, DRIFT_PHOTOS = 28, 1000
MOST_LINKS = 4


def counted(person: User, clinic: Clinic) -> dict[str, QuerySet]:
    return {
        **late(clinic),
        "flagged": second_looks.to_look_at(person, clinic, late=False),
        "flagged_late": second_looks.to_look_at(person, clinic, late=True),
        "questioned": questioned(person, clinic),
        "candidates": ModelVersion.objects.filter(state=ModelState.CANDIDATE),
        "trainings": training_access.runs(person).filter(state__in=PENDING),
    }


def part(person: User, clinic: Clinic, found: dict[str, int]) -> Part:
    """Two queries at most, and one more each where the AI is stopped and where a signed case is in question."""
    drift_card, drift_fact = _drift(person, clinic)
    return Part(
        key="leading",
        title=_("Leading"),
        cards=[
            card
            for card in (
                ai_stopped(clinic),
                overdue(found),
                _questioned(person, clinic, found["questioned"]),
                _flagged_late(found["flagged_late"]),
                _flagged(found["flagged"]),
                _candidates(found["candidates"]),
                drift_card,
            )
            if card
        ],
        rest=_("No case is over its target, no model waits for a decision, and nothing has shifted."),
        facts=[
            # Where there are any, the card says so.
            *(
                []
                if found["overdue"] or found["overdue_photos"]
                else [Fact(_("Over the target"), "0", reverse("figures"))]
            ),
            Fact(_("Trainings under way"), capped(found["trainings"]), reverse("training_list")),
            drift_fact,
        ],
    )


def ai_stopped(clinic: Clinic) -> Card | None:
    if not clinic.ai_is_stopped:
        return None
    return Card(
        key="ai-stopped",
        icon="ban",
        title=_("The AI is stopped"),
        text=_("By %(name)s: %(reason)s") % {"name": clinic.ai_stopped_by, "reason": clinic.ai_stopped_reason},
        url=reverse("clinic_policy"),
        action=_("See the switch"),
        tone="soon",
    )


def late(clinic: Clinic) -> dict[str, QuerySet]:
    """What is over its target, for `overdue`: by the tab of the worklist that it stands on."""
    overdue = targets.overdue(clinic)
    return {
        "overdue": overdue.filter(state=CaseState.WAITING),
        "overdue_photos": overdue.filter(state=CaseState.PHOTOS_WANTED),
    }


def overdue(found: dict[str, int]) -> Card | None:
    """From the numbers of `late`: each is the length of the list that it leads to."""
    waiting, photos = found["overdue"], found["overdue_photos"]
    if not waiting and not photos:
        return None
    if not waiting:
        return Card(
            key="overdue",
            icon="hourglass",
            number=capped(photos),
            title=ngettext("case over its target", "cases over their target", photos),
            text=_("Waiting for new photos, longer than the clinic wants for the urgency."),
            url=_late_address(CaseState.PHOTOS_WANTED),
            action=_("Show the cases"),
            tone="urgent",
        )
    words = ngettext("%(number)s more waits for new photos", "%(number)s more wait for new photos", photos)
    more = Link(words % {"number": capped(photos)}, _late_address(CaseState.PHOTOS_WANTED))
    return Card(
        key="overdue",
        icon="hourglass",
        number=capped(waiting),
        title=ngettext("case over its target", "cases over their target", waiting),
        text=_("Waiting for a doctor, longer than the clinic wants for the urgency."),
        url=_late_address(CaseState.WAITING),
        action=_("Show the cases"),
        tone="urgent",
        links=(more,) if photos else (),
    )


def _late_address(state: CaseState) -> str:
    return f"{reverse('worklist')}?tab={state.value}&late=1"


def questioned(person: User, clinic: Clinic) -> QuerySet[Case]:
    """The signed cases that are in question, the longest first."""
    return access.cases(person).filter(clinic=clinic, questioned_at__isnull=False).order_by("questioned_at", "id")


def _questioned(person: User, clinic: Clinic, number: int) -> Card | None:
    if not number:
        return None
    first = questioned(person, clinic).select_related("lesion__patient")[:MOST_LINKS]
    links = tuple(Link(about(case), reverse("case_detail", args=[case.id])) for case in first)
    if not links:
        return None  # somebody settled the last one between the two questions
    return Card(
        key="questioned",
        icon="scale",
        number=capped(number),
        title=ngettext("signed case in question", "signed cases in question", number),
        text=_("A read that came after the report contradicts it, or nobody has confirmed it. A lead settles it."),
        url=links[0].url,
        action=_("Settle the first one"),
        tone="urgent",
        links=links,
    )


def _flagged(number: int) -> Card | None:
    title = ngettext("signed case that a newer model would flag", "signed cases that a newer model would flag", number)
    return _second_look("flagged", number, title, _("Nobody has looked again since."), "")


def _flagged_late(number: int) -> Card | None:
    title = ngettext(
        "signed case that the AI called urgent too late", "signed cases that the AI called urgent too late", number
    )
    text = _("Its opinion came after the signature, and nobody has looked again since.")
    return _second_look("flagged-late", number, title, text, "?late=1")


def _second_look(key: str, number: int, title: str, text: str, query: str) -> Card | None:
    if not number:
        return None
    return Card(
        key=key,
        icon="flag",
        number=capped(number),
        title=title,
        text=text,
        url=reverse("rescored_newest") + query,
        action=_("Look at them"),
        tone="soon",
    )


def _candidates(number: int) -> Card | None:
    if not number:
        return None
    return Card(
        key="candidates",
        icon="brain",
        number=capped(number),
        title=ngettext("trained model to judge", "trained models to judge", number),
        text=_("Compare each with the active one before you decide."),
        url=reverse("model_list"),
        action=_("Show the models"),
    )


def _drift(person: User, clinic: Clinic) -> tuple[Card | None, Fact]:
    address = f"{reverse('figures')}?show=drift"
    label = _("Shift since the training")
    version = ModelVersion.objects.filter(state=ModelState.ACTIVE).first()
    if version is None:
        return None, Fact(label, _("no active model"), address)
    last = timezone.localdate()
    scope = Scope(person, clinic, None, last - timedelta(days=DRIFT_DAYS - 1), last)
    found = drift.shifted(photos_asked(scope.predictions(), scope.zone, DRIFT_PHOTOS), version)
    if found is None:
        return None, Fact(label, _("too few photos to say"), address)
    if not found.is_shift:
        return None, Fact(label, _("none"), address)
    card = Card(
        key="drift",
        icon="chart-bar",
        title=_("The clinic's photos differ from what the model learnt from"),
        text=_("In the last %(days)s days, over %(n)s photos.") % {"days": DRIFT_DAYS, "n": found.n},
        url=address,
        action=_("See what has shifted"),
        tone="soon",
    )
    return card, Fact(label, _("yes"), address, is_bad=True)
