from django import template

from cases.models import ImageKind

register = template.Library()


@register.simple_tag
def photo_kinds() -> list[tuple[str, str]]:
    """The kinds of photo as (code, word)."""
    return [(str(code), str(word)) for code, word in ImageKind.choices]
