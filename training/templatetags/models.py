"""Shares with their n and interval, as the models' pages write them."""

from django import template
from django.utils.translation import gettext as _

from training.agreement import Share
from training.model_page import number

register = template.Library()


@register.filter
def share(value: Share) -> str:
    """ "41 of 50, 0.82 (0.69–0.90)"."""
    if value.value is None or value.interval is None:
        return "–"
    low, high = value.interval
    return _("%(hits)s of %(n)s, %(share)s (%(low)s–%(high)s)") % {
        "hits": value.hits,
        "n": value.n,
        "share": number(value.value),
        "low": number(low),
        "high": number(high),
    }
