"""Admins and the platform's operator: people, tokens, mails, and whether the service is well."""

from datetime import timedelta

from django.db.models import QuerySet
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import access as accounts_access
from accounts.models import ApiToken, Clinic, User
from cases import access, spans
from cases.models import CaseState, MailState, Notification, ReadStage
from cases.reading import second_reads
from cases.worklist import readable, today
from cases.worklist.today import Today
from skinclinic import health
from skinclinic.start import leading
from skinclinic.start.card import Card, Fact, Part, capped

EXPIRES_SOON = timedelta(days=14)
FAILED_LATELY = timedelta(days=7)


def counted(person: User, clinic: Clinic) -> dict[str, QuerySet]:
    return {
        **leading.late(clinic),
        "arbiters": readable.arbiters(clinic),
        "unsettled": access.cases(person).filter(
            clinic=clinic, state=CaseState.WAITING, read_stage=ReadStage.ARBITRATION
        ),
        "mails": Notification.objects.filter(
            clinic=clinic, mail_state=MailState.FAILED, due_at__gte=timezone.now() - FAILED_LATELY
        ),
    } | people_counted(person)


def people_counted(person: User) -> dict[str, QuerySet]:
    return {
        "roleless": accounts_access.without_role(person),
        "never": accounts_access.people(person).filter(
            is_active=True, last_login__isnull=True, memberships__role__in=_FOR_PEOPLE
        ),
        "tokens": expiring(accounts_access.tokens(person)),
    }


_FOR_PEOPLE = ["staff", "doctor", "lead", "admin"]


def expiring(tokens: QuerySet[ApiToken]) -> QuerySet[ApiToken]:
    """Those that end within two weeks and still work."""
    now = timezone.now()
    return tokens.filter(expiry__range=(now, now + EXPIRES_SOON))


def part(person: User, clinic: Clinic | None, found: dict[str, int]) -> Part:
    """Three queries at most, and one where the AI is stopped."""
    state = today.figures(person)
    troubles = [_worker(state), _queue(state), _failed(state), _model(state), _disk()]
    of_clinic = (
        [
            leading.ai_stopped(clinic),
            _nobody_settles(clinic, found["arbiters"], found["unsettled"]),
            leading.overdue(found),
            _mails(found["mails"]),
        ]
        if clinic
        else []
    )
    people = [_roleless(found["roleless"]), _never(found["never"]), _tokens(found["tokens"])]
    return Part(
        key="running",
        title=_("Running the clinic"),
        cards=[card for card in (*troubles, *of_clinic, *people) if card],
        rest=_("The service is well, everybody has signed in, and no token is about to end."),
        facts=_facts(state),
    )


def _facts(state: Today) -> list[Fact]:
    index = reverse("admin:index")
    seen = _("never")
    if state.heartbeat:
        seen = _("%(span)s ago") % {"span": spans.in_words(state.now - state.heartbeat)}
    return [
        Fact(_("Worker last seen"), seen, index, is_bad=state.worker_is_silent),
        Fact(
            _("Photos in the queue"), str(state.queued + state.running), _predictions("queued"), is_bad=_is_stuck(state)
        ),
        Fact(_("Free on the disk"), filesizeformat(health.free_bytes()), index, is_bad=_disk() is not None),
        Fact(_("Active model"), state.model.name if state.model else _("none"), reverse("model_list")),
    ]


def _predictions(state: str) -> str:
    return f"{reverse('admin:cases_prediction_changelist')}?state__exact={state}"


def _is_stuck(state: Today) -> bool:
    return state.queued_since is not None and state.now - state.queued_since > health.LONGEST_QUEUE_AGE


def _worker(state: Today) -> Card | None:
    if not state.worker_is_silent:
        return None
    return Card(
        key="worker",
        icon="alert-triangle",
        title=_("No worker answers"),
        text=_("Photos get no AI opinion until one runs. Cases can be read without."),
        url=reverse("admin:index"),
        action=_("Open the admin pages"),
        tone="urgent",
    )


def _queue(state: Today) -> Card | None:
    if not _is_stuck(state) or state.queued_since is None:
        return None
    return Card(
        key="queue",
        icon="hourglass",
        number=str(state.queued),
        title=ngettext("photo waits for the AI", "photos wait for the AI", state.queued),
        text=_("The oldest for %(span)s.") % {"span": spans.in_words(state.now - state.queued_since)},
        url=_predictions("queued"),
        action=_("Show them"),
        tone="urgent",
    )


def _failed(state: Today) -> Card | None:
    if not state.failed:
        return None
    return Card(
        key="failed",
        icon="alert-circle",
        number=str(state.failed),
        title=ngettext("prediction failed", "predictions failed", state.failed),
        text=_("Each says why, and can be tried again."),
        url=_predictions("failed"),
        action=_("Show them"),
        tone="soon",
    )


def _model(state: Today) -> Card | None:
    if state.model:
        return None
    return Card(
        key="model",
        icon="brain",
        title=_("No model is active"),
        text=_("New photos get no AI opinion."),
        url=reverse("model_list"),
        action=_("Show the models"),
        tone="urgent",
    )


def _disk() -> Card | None:
    free = health.free_bytes()
    if free > health.LEAST_FREE_BYTES:
        return None
    return Card(
        key="disk",
        icon="alert-triangle",
        title=_("The disk is nearly full"),
        text=_("%(size)s are free; new photos will be refused.") % {"size": filesizeformat(free)},
        url=reverse("admin:index"),
        action=_("Open the admin pages"),
        tone="urgent",
    )


def _nobody_settles(clinic: Clinic, arbiters: int, unsettled: int) -> Card | None:
    if arbiters or not (unsettled or second_reads.are_wanted(clinic)):
        return None
    return Card(
        key="arbiters",
        icon="scale",
        title=_("Nobody settles what readers disagree on"),
        text=ngettext(
            "The clinic has no lead: %(number)s case waits for one.",
            "The clinic has no lead: %(number)s cases wait for one.",
            unsettled,
        )
        % {"number": capped(unsettled)}
        if unsettled
        else _("Some cases are read by two here, and there is no lead for those on which the two disagree."),
        url=reverse("admin:accounts_user_changelist"),
        action=_("Make somebody a lead"),
        tone="urgent" if unsettled else "soon",
    )


def _mails(number: int) -> Card | None:
    if not number:
        return None
    return Card(
        key="mails",
        icon="mail",
        number=capped(number),
        title=ngettext("mail could not be sent", "mails could not be sent", number),
        text=_("In the last %(days)s days. Look at the mail server's settings.") % {"days": FAILED_LATELY.days},
        url=reverse("admin:index"),
        action=_("Open the admin pages"),
        tone="soon",
    )


def _roleless(number: int) -> Card | None:
    if not number:
        return None
    return Card(
        key="roleless",
        icon="user",
        number=capped(number),
        title=ngettext("person without a role", "people without a role", number),
        text=_("They can sign in and see nothing."),
        url=f"{reverse('admin:accounts_user_changelist')}?memberships__isnull=True",
        action=_("Give them a role"),
    )


def _never(number: int) -> Card | None:
    if not number:
        return None
    return Card(
        key="never",
        icon="user-plus",
        number=capped(number),
        title=ngettext("person has never signed in", "people have never signed in", number),
        text=_("Mail them a link to set a password, or set a first one."),
        url=f"{reverse('admin:accounts_user_changelist')}?last_login__isnull=True",
        action=_("Show the people"),
    )


def _tokens(number: int) -> Card | None:
    if not number:
        return None
    return Card(
        key="tokens",
        icon="key",
        number=capped(number),
        title=ngettext("API token is about to end", "API tokens are about to end", number),
        text=_("Within %(days)s days; what uses them stops then.") % {"days": EXPIRES_SOON.days},
        url=reverse("admin:accounts_apitoken_changelist"),
        action=_("Show the tokens"),
        tone="soon",
    )
