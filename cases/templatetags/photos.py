from django import template

from cases.models import ImageKind, LesionImage
from cases.photo import scale
from cases.pixels import remarks

register = template.Library()


@register.simple_tag
def photo_kinds() -> list[tuple[str, str]]:
    """The kinds of photo as (code, word)."""
    return [(str(code), str(word)) for code, word in ImageKind.choices]


@register.simple_tag
def photo_remarks(image: LesionImage | None) -> list[str]:
    """What is to be remarked about a photo, in sentences."""
    return [sentence for _code, sentence in remarks.sentences(image.remarks)] if image else []


@register.simple_tag
def photo_quality(image: LesionImage | None) -> str:
    """How good a photo is, in words; empty where nothing was measured."""
    return remarks.in_a_word(image.quality_score) if image else ""


@register.filter
def scale_said(image: LesionImage) -> str:
    """The photo's scale with who and when, as the viewer says it."""
    return scale.said(image)
