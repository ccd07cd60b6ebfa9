"""Figures in words, for pages that show one by itself."""

from django import template

from cases.figures import figure

register = template.Library()
register.filter("in_text", figure.in_text)
