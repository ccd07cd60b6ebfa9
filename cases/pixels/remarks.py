"""Advice in words on a photo for the one who took it. Advice never blocks: a poor photo is better than none."""

from collections.abc import Iterable, Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cases.pixels import quality

# Short side in pixels below which a doctor misses fine structures. The network looks at half of it.
SMALL_SIDE = 450
# Below this a part of the score is remarked upon; the weights are fitted to it (training/photo_checks/quality.py).
POOR, _GOOD = 0.5, 0.8

SENTENCES: dict[str, Promise] = {
    "blurred": _("The photo looks blurred. Hold still, tap the lesion to focus and take it again."),
    "too_dark": _("The photo is very dark. Take it again with more light."),
    "too_bright": _("Parts of the photo are burnt out. Take it again without flash or direct sun."),
    "small": _("The photo is small, so fine structures are lost. Send the full-size photo if you have it."),
    "too_far": _("The lesion looks small in the photo. Go closer, until it fills a third of the picture."),
    "several_pictures": _("The file holds several pictures; only the main one was taken."),
    "like_one_here": _("This photo is almost the same as another one of this case. Remove one if both show the same."),
    "like_an_earlier": _(
        "This photo is almost the same as one of an earlier case of this patient. Check that you chose the new photo."
    ),
    "like_another_patients": _(
        "This photo is almost the same as one in the record of another patient. "
        "Check that you have the right patient open."
    ),
}


def of_quality(scores: Mapping[str, float], short_side: int) -> list[str]:
    """Codes of what to remark about a photo's quality; `short_side` is the original's, in pixels."""
    poor = {part for part, value in scores.items() if value < POOR}
    found = []
    if quality.BRIGHTNESS in poor:
        # In the dark there are no edges to judge sharpness by.
        found.append("too_dark")
    elif quality.SHARPNESS in poor:
        found.append("blurred")
    if quality.HIGHLIGHTS in poor:
        found.append("too_bright")
    if short_side < SMALL_SIDE:
        found.append("small")
    if quality.DISTANCE in poor and not {"too_dark", "too_bright", "blurred"} & set(found):
        # What is blurred or dark hides how large the lesion is.
        found.append("too_far")
    return found


def sentences(codes: Iterable[str]) -> list[tuple[str, str]]:
    """(code, sentence) of each remark; a code that this version does not know is left out."""
    return [(code, str(SENTENCES[code])) for code in codes if code in SENTENCES]


def in_a_word(score: float | None) -> str:
    """The score for people; empty for a photo that was never measured."""
    if score is None:
        return ""
    if score < POOR:
        return str(_("Poor photo quality"))
    return str(_("Good photo quality") if score >= _GOOD else _("Fair photo quality"))
