"""Photos that are almost the same as one that is there already: noticed, said, never blocked."""

from uuid import UUID

from django.db.models import Q

from cases.models import LesionImage
from cases.pixels import likeness

# A plain picture may share a band with many others; the newest of them are looked at.
_MOST_ASKED = 2000


def fields(look: int | None) -> dict[str, int | None]:
    """The fields of a LesionImage that keep a perceptual hash."""
    bands = likeness.bands(look) if look is not None else [None] * likeness.BANDS
    return {"look": look, **{f"look_band_{number}": band for number, band in enumerate(bands)}}


def note(image: LesionImage, *, elsewhere: bool) -> None:
    """Sets in `image`, which is not saved yet, which standing photo it resembles and what is to be said of it.

    `elsewhere`: whether other patients of the clinic are asked too. Only this clinic's, since the remark is read by
    everyone who may see the case; it names nobody.
    """
    if image.look is None:
        return
    case = image.case
    standing = LesionImage.objects.filter(removed_at__isnull=True, look__isnull=False)
    own = standing.filter(case__lesion__patient=case.lesion.patient_id)
    alike = [
        (likeness.difference(image.look, look), case_id != case.id, photo_id)
        for photo_id, case_id, look in own.values_list("id", "case_id", "look")
        if look is not None
    ]
    near = min((each for each in alike if each[0] <= likeness.SAME_OF_PATIENT), default=None)
    if near:
        _difference, in_other_case, image.resembles_id = near
        image.likeness = "like_an_earlier" if in_other_case else "like_one_here"
    elif elsewhere:
        image.resembles_id = _of_another_patient(image)
        image.likeness = "like_another_patients" if image.resembles_id else ""


def _of_another_patient(image: LesionImage) -> UUID | None:
    case, bands = image.case, Q()
    for number in range(likeness.BANDS):
        bands |= Q(**{f"look_band_{number}": getattr(image, f"look_band_{number}")})
    asked = (
        LesionImage.objects.filter(bands, case__clinic=case.clinic_id, removed_at__isnull=True)
        .exclude(case__lesion__patient=case.lesion.patient_id)
        .order_by("-id")
        .values_list("id", "look")[:_MOST_ASKED]
    )
    alike = [(likeness.difference(image.look or 0, look), photo_id) for photo_id, look in asked if look is not None]
    near = min((each for each in alike if each[0] <= likeness.SAME), default=None)
    return near[1] if near else None
