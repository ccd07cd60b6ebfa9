"""What people are shown of the AI's predictions: one card a case, one opinion a photo. Presentation only."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from cases.models import Case, Condition, Consent, LesionImage, Prediction, PredictionState
from cases.models.prediction import REFUSED_STATES
from inference.known import bundle_of
from inference.models import ModelVersion

MOST_CONDITIONS = 3


@dataclass(frozen=True)
class Thresholds:
    """Limits of one model as shares of 1; None where its bundle cannot be read here."""

    urgent: float | None = None
    sensitivity: float | None = None
    specificity: float | None = None


@dataclass(frozen=True)
class Likely:
    """One condition with its calibrated probability."""

    code: str
    name: str
    probability: float

    @property
    def percent(self) -> str:
        return percent(self.probability)

    @property
    def bar(self) -> int:
        """The bar's length in per cent."""
        return round(100 * self.probability)


@dataclass(frozen=True)
class PhotoOpinion:
    """The newest opinion on one photo, or why there is none."""

    image: LesionImage
    position: int  # 1 for the first photo of the case
    prediction: Prediction | None
    likely: tuple[Likely, ...] = ()
    answer_set: tuple[str, ...] = ()
    thresholds: Thresholds = Thresholds()

    @property
    def state(self) -> str:
        """A code of PredictionState, or "none"."""
        return self.prediction.state if self.prediction else "none"

    @property
    def is_pending(self) -> bool:
        return self.prediction is not None and self.prediction.is_pending

    @property
    def is_done(self) -> bool:
        return self.state == PredictionState.DONE

    @property
    def is_urgent(self) -> bool:
        return self.is_done and self.prediction.urgent  # type: ignore[union-attr]

    @property
    def is_uncertain(self) -> bool:
        return self.is_done and self.prediction.uncertain  # type: ignore[union-attr]

    @property
    def is_strange(self) -> bool:
        return self.is_done and self.prediction.strange  # type: ignore[union-attr]

    @property
    def malignant_percent(self) -> str:
        return percent(self.prediction.malignant_probability or 0) if self.prediction else ""

    @property
    def urgent_percent(self) -> str:
        return percent(self.thresholds.urgent) if self.thresholds.urgent is not None else ""

    @property
    def flag_catches(self) -> str:
        """The share of cancers that the urgent flag caught on held-out photos."""
        return percent(self.thresholds.sensitivity) if self.thresholds.sensitivity is not None else ""

    @property
    def flag_spares(self) -> str:
        """The share of other lesions that it left alone there."""
        return percent(self.thresholds.specificity) if self.thresholds.specificity is not None else ""

    @property
    def coverage_percent(self) -> str:
        coverage = self.prediction.answer_set_coverage if self.prediction else None
        return percent(coverage / 100) if coverage else ""

    @property
    def answer_set_in_words(self) -> str:
        """ "Nevus, Melanoma or Seborrheic keratosis"."""
        if len(self.answer_set) < 2:
            return "".join(self.answer_set)
        return _("%(most)s or %(last)s") % {"most": ", ".join(self.answer_set[:-1]), "last": self.answer_set[-1]}

    @property
    def first_word(self) -> str:
        """The opinion in as few words as a list has room for."""
        if self.is_pending:
            return _("Computing")
        if self.is_done:
            if self.is_uncertain:
                return _("Uncertain")
            return f"{self.likely[0].name} {self.likely[0].percent}" if self.likely else ""
        return _("No opinion")


@dataclass(frozen=True)
class Card:
    """All opinions on a case, one of them chosen to be shown in full."""

    case: Case
    photos: tuple[PhotoOpinion, ...]
    chosen: PhotoOpinion | None
    consent: str
    # Why there is an opinion that this person may not see now: "hidden" until their own, or "stopped" for everybody.
    withheld: str = ""

    @property
    def state(self) -> str:
        """hidden, stopped, no_consent, no_photo, none (nothing was asked), or a code of PredictionState."""
        if self.withheld:
            return self.withheld
        if self.consent != Consent.GRANTED:
            return "no_consent"
        return self.chosen.state if self.chosen else "no_photo"

    @property
    def is_pending(self) -> bool:
        """Whether any photo's opinion is still to come: it may bring the urgent flag."""
        return self.consent == Consent.GRANTED and any(photo.is_pending for photo in self.photos)

    @property
    def is_visible(self) -> bool:
        """Whether an opinion on any photo is on the screen."""
        return self.consent == Consent.GRANTED and any(photo.is_done for photo in self.photos)

    @property
    def is_urgent(self) -> bool:
        return self.consent == Consent.GRANTED and any(photo.is_urgent for photo in self.photos)

    @property
    def others(self) -> list[PhotoOpinion]:
        """The photos whose opinion is not the one shown in full."""
        return [photo for photo in self.photos if photo is not self.chosen]

    @property
    def urgent_others(self) -> list[PhotoOpinion]:
        return [photo for photo in self.others if photo.is_urgent]

    @property
    def photos_differ(self) -> bool:
        """Whether two photos have different first conditions."""
        return len({photo.likely[0].code for photo in self.photos if photo.likely}) > 1

    @property
    def summary(self) -> str:
        """A code for lists; `kind(...)` is the same as a filter, and tests hold both equal."""
        if self.withheld:
            return self.withheld
        if self.consent != Consent.GRANTED or not any(photo.prediction for photo in self.photos):
            return "none"
        if self.is_urgent:
            return "flagged"
        if any(photo.is_pending for photo in self.photos):
            return "pending"
        if any(photo.state in REFUSED_STATES for photo in self.photos):
            return "failed"
        return "uncertain" if any(photo.is_uncertain for photo in self.photos) else "done"


def percent(share: float) -> str:
    """A probability as a person reads it: whole per cent, and never a flat 0 or 100."""
    figure = round(100 * share)
    if figure < 1:
        return _("under 1\u00a0%")
    return _("over 99\u00a0%") if figure > 99 else _("%(figure)s\u00a0%%") % {"figure": figure}


def shown_predictions() -> QuerySet[Prediction]:
    """The newest prediction of each photo that people may see."""
    shown = Prediction.objects.all()
    newer = shown.filter(image=OuterRef("image")).filter(
        Q(queued_at__gt=OuterRef("queued_at")) | Q(queued_at=OuterRef("queued_at"), id__gt=OuterRef("id"))
    )
    return shown.filter(~Exists(newer), image__removed_at__isnull=True)


def with_photos(cases: QuerySet[Case]) -> QuerySet[Case]:
    """`cases`, each with its photos and their opinions as `case.photos` (two queries for all of them)."""
    predictions = shown_predictions().select_related("model_version").defer("maps", "embedding")
    photos = (
        LesionImage.objects.filter(removed_at__isnull=True)
        .select_related("resembles", "scale_set_by")
        .order_by("created_at", "id")
        .prefetch_related(Prefetch("predictions", predictions, to_attr="shown"))
    )
    return cases.prefetch_related(Prefetch("images", photos, to_attr="photos"))


def kind(code: str) -> Q:
    """The cases whose card has the `summary` `code`, as a filter on cases."""
    ours = shown_predictions().filter(image__case=OuterRef("pk"))
    consents = Q(lesion__patient__ai_consent=Consent.GRANTED)
    has = {
        "flagged": Exists(ours.filter(state=PredictionState.DONE, urgent=True)),
        "pending": Exists(ours.filter(state__in=[PredictionState.QUEUED, PredictionState.RUNNING])),
        "failed": Exists(ours.filter(state__in=REFUSED_STATES)),
        "uncertain": Exists(ours.filter(state=PredictionState.DONE, uncertain=True)),
    }
    if code == "none":
        return ~consents | ~Q(Exists(ours))
    wanted = consents & Q(has[code])
    for earlier in has:
        if earlier == code:
            return wanted
        wanted &= ~Q(has[earlier])
    raise KeyError(code)


def card(case: Case, names: dict[str, str], photo_id: UUID | None = None, *, hidden: bool = False) -> Card:
    """The card of a case from `with_photos`; `names` from `condition_names`, `photo_id` the photo to show in full.

    Without a choice it is the photo that was flagged with the highest probability, else the first with an opinion.
    With `hidden` (cases/blinding.py) the card carries no opinion at all: not even which photo would be chosen by it.
    """
    photos = tuple(_photo_opinion(image, position, names) for position, image in enumerate(_photos(case), 1))
    chosen = next((photo for photo in photos if photo.image.id == photo_id), None)
    card = Card(case, photos, chosen or _most_telling(photos), case.lesion.patient.ai_consent)
    return _withheld(card, photo_id) if hidden else card


def _withheld(card: Card, photo_id: UUID | None) -> Card:
    """The card without its opinions; where there is nothing to hide it stays, and says why there is no opinion."""
    stopped = card.case.clinic.ai_is_stopped
    if not (stopped or card.is_pending or card.is_visible):
        return card
    photos = tuple(PhotoOpinion(photo.image, photo.position, None) for photo in card.photos)
    chosen = next((photo for photo in photos if photo.image.id == photo_id), photos[0] if photos else None)
    return Card(card.case, photos, chosen, card.consent, withheld="stopped" if stopped else "hidden")


def condition_names() -> dict[str, str]:
    return dict(Condition.objects.values_list("code", "name"))


def _photos(case: Case) -> list[LesionImage]:
    return case.photos  # type: ignore[attr-defined]  # set by with_photos


def _shown(image: LesionImage) -> list[Prediction]:
    return image.shown  # type: ignore[attr-defined]  # set by with_photos


def _most_telling(photos: tuple[PhotoOpinion, ...]) -> PhotoOpinion | None:
    flagged = [photo for photo in photos if photo.is_urgent]
    if flagged:
        return max(flagged, key=lambda photo: photo.prediction.malignant_probability or 0)  # type: ignore[union-attr]
    return next((photo for photo in photos if photo.is_done), photos[0] if photos else None)


def _photo_opinion(image: LesionImage, position: int, names: dict[str, str]) -> PhotoOpinion:
    shown = _shown(image)
    return of_prediction(image, position, shown[0] if shown else None, names)


def of_prediction(
    image: LesionImage, position: int, prediction: Prediction | None, names: dict[str, str]
) -> PhotoOpinion:
    """What people are shown of `prediction`; `position` is the photo's in its case."""
    if prediction is None or prediction.state != PredictionState.DONE:
        return PhotoOpinion(image, position, prediction)
    ranked = [Likely(code, names.get(code, code), share) for code, share in prediction.probabilities or []]
    return PhotoOpinion(
        image,
        position,
        prediction,
        # What rounds to nothing would only be noise beneath the first.
        likely=tuple(each for place, each in enumerate(ranked[:MOST_CONDITIONS]) if not place or each.bar),
        answer_set=tuple(names.get(code, code) for code in prediction.answer_set or []),
        thresholds=_thresholds(prediction.model_version),
    )


def _thresholds(version: ModelVersion) -> Thresholds:
    bundle = bundle_of(version)
    if bundle is None:
        # The opinion stands without it: this machine may not hold the bundle of a model retired long ago.
        return Thresholds()
    urgent = bundle.spec["thresholds"]["urgent"]
    return Thresholds(bundle.urgent_threshold, urgent.get("sensitivity"), urgent.get("specificity"))
