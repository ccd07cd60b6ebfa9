"""Programs: what their account is for, and whether its tokens still work."""

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import ApiToken, Clinic, User
from skinclinic.start.card import Card, Fact, Part
from skinclinic.start.running import EXPIRES_SOON


def counted(person: User, clinic: Clinic) -> dict[str, QuerySet]:
    return {}


def part(person: User, clinic: Clinic, found: dict[str, int]) -> Part:
    """One query."""
    now = timezone.now()
    tokens = list(ApiToken.objects.filter(user=person).order_by("expiry"))
    working = [token for token in tokens if token.expiry is None or token.expiry > now]
    ends = [token for token in working if token.expiry and token.expiry - now < EXPIRES_SOON]
    cards = [
        Card(
            key="api",
            icon="link",
            title=_("The API"),
            text=_("This account is for programs. Its addresses, with examples, stand in the API's own pages."),
            url=reverse("api-docs"),
            action=_("Open the API's pages"),
        )
    ]
    if ends or not working:
        when = formats.date_format(timezone.localtime(ends[0].expiry), "j M Y") if ends else ""
        text = _("The first one on %(day)s.") % {"day": when} if ends else _("Without one no program can sign in.")
        cards.insert(
            0,
            Card(
                key="tokens",
                icon="key",
                number=str(len(ends)) if ends else "",
                title=ngettext("API token is about to end", "API tokens are about to end", len(ends))
                if ends
                else _("No API token works"),
                text=f"{text} {_('Ask the admin of your clinic for a new one.')}",
                url=reverse("api-docs"),
                action=_("How to sign in"),
                tone="soon",
            ),
        )
    facts = [Fact(_("Tokens that work"), str(len(working)))]
    return Part(key="integration", title=_("Programs"), cards=cards, rest="", facts=facts)
