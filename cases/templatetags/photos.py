from django import template

from cases.models import ImageKind, LesionImage
from cases.photo import quality

register = template.Library()


@register.simple_tag
def photo_kinds() -> list[tuple[str, str]]:
    """The kinds of photo as (code, word)."""
    return [(str(code), str(word)) for code, word in ImageKind.choices]


@register.simple_tag
def photo_remarks(image: LesionImage | None) -> list[str]:
    """What was remarked when the photo came in, in sentences; none of what was not looked at."""
    codes = image.quality_remarks if image else []
    return [str(quality.SENTENCES[code]) for code in codes if code in quality.SENTENCES]
