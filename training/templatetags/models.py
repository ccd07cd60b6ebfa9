"""Shares with their n and interval, as the models' pages write them."""

from django import template

from inference.statistics import Share
from training.pages.model import DASH, number

register = template.Library()


@register.filter
def figure(value: Share) -> str:
    """ "0.82 (0.69–0.90)"."""
    if value.value is None or value.interval is None:
        return DASH
    return f"{number(value.value)} ({number(value.interval[0])}–{number(value.interval[1])})"
