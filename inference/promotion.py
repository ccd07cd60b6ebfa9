"""The ways of a model version: candidate or retired -> shadow and back, -> active through a gate, active -> retired.

The gate: a candidate takes the active model's place only after both were measured on the same frozen test set and
the candidate was not worse at finding what is malignant. Not worse means non-inferior (Piaggio et al. 2012,
doi:10.1001/jama.2012.87802): its sensitivity on that set is not lower, and the 95 % interval of the paired difference
stays above `-settings.PROMOTION_SENSITIVITY_MARGIN`. Where the interval is too wide for that, the malignant photos are
too few to say, and only an admin's reasoned waiver lets the candidate through. The same holds where nobody can know
whether the candidate learned from photos of the test set. Worse on one test set stands, whatever another one says after
it: else a lost comparison could be repeated until one is won. The first model needs no comparison.

Who may ask is the doors' matter (accounts/roles.py). Everything here is logged as an Activation.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inference.bundle import Bundle, BundleError
from inference.models import Activation, ActivationKind, Comparison, ComparisonState, ModelState, ModelVersion
from inference.registry import RegistryError, folder

RULE = "malignant_sensitivity"


class GateRefused(RegistryError):
    """The comparison with the active model stands against it, or there is none."""


class Verdict(models.TextChoices):
    """What a comparison says of a promotion."""

    PASSES = "passes", gettext_lazy("Not worse")
    WORSE = "worse", gettext_lazy("Worse")
    TOO_FEW = "too_few", gettext_lazy("Too few to say")
    NOT_HELD_OUT = "not_held_out", gettext_lazy("Not a held-out test set")
    MAY_BE_KNOWN = "may_be_known", gettext_lazy("Not known to be held out")


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    sentence: str

    @property
    def passes(self) -> bool:
        return self.verdict == Verdict.PASSES

    @property
    def can_be_waived(self) -> bool:
        """Whether it says neither yes nor no, so that an admin who knows more may say it."""
        return self.verdict in (Verdict.TOO_FEW, Verdict.MAY_BE_KNOWN)


def judge(comparison: Comparison) -> Judgement:
    """What a finished comparison says of promoting its candidate, with the figures that it rests on."""
    known = comparison.figures["overlap"]["candidate"]
    if known:
        return Judgement(
            Verdict.NOT_HELD_OUT,
            _("%(count)s of the %(n)s photos of the test set were used to train the candidate.")
            % {"count": known, "n": comparison.n},
        )
    judgement = _by_sensitivity(comparison.figures)
    # Photos that it learned from would flatter it: worse is worse all the same, and anything better is not known.
    if known is None and judgement.verdict != Verdict.WORSE:
        unknown = _(
            "It is not known whether the candidate learned from these photos, which would flatter it: an admin who "
            "knows that it did not may allow the promotion."
        )
        return Judgement(Verdict.MAY_BE_KNOWN, f"{unknown} {judgement.sentence}")
    return judgement


def _by_sensitivity(figures: dict[str, Any]) -> Judgement:
    """The rule itself, for photos that the candidate has not seen."""
    if not figures["malignant_n"]:
        return Judgement(Verdict.TOO_FEW, _("The test set has no malignant photo: too few to say."))
    figure, margin = figures["figures"][RULE], settings.PROMOTION_SENSITIVITY_MARGIN
    low, high = figure["difference_ci"]
    words = {
        "difference": _points(figure["difference"]),
        "low": _points(low),
        "high": _points(high),
        "margin": f"{100 * margin:g}",
        "n": figures["malignant_n"],
    }
    if figure["difference"] < 0:
        sentence = _(
            "The candidate finds fewer of the %(n)s malignant photos than the active model: its sensitivity differs "
            "by %(difference)s points (95 %% interval %(low)s to %(high)s)."
        )
        return Judgement(Verdict.WORSE, sentence % words)
    if low <= -margin:
        sentence = _(
            "%(n)s malignant photos are too few to say: the candidate's sensitivity differs by %(difference)s points, "
            "but the 95 %% interval (%(low)s to %(high)s) reaches %(margin)s points or more below the active model."
        )
        return Judgement(Verdict.TOO_FEW, sentence % words)
    sentence = _(
        "On %(n)s malignant photos the candidate's sensitivity is not worse: it differs by %(difference)s points, and "
        "the 95 %% interval (%(low)s to %(high)s) stays less than %(margin)s points below the active model."
    )
    return Judgement(Verdict.PASSES, sentence % words)


def _points(difference: float) -> str:
    """Percentage points with their sign, which is a minus and no hyphen."""
    return f"{100 * difference:+.1f}".replace("-", "\u2212")


def decisive(version: ModelVersion, active: ModelVersion) -> Comparison | None:
    """The comparison of `version` with `active` that counts: one that it lost, on whichever test set; else the newest.

    Of each test set, known by its hash, only the newest is looked at.
    """
    return _counting(_standing(version, active))


def _standing(version: ModelVersion, active: ModelVersion) -> models.QuerySet[Comparison]:
    """The newest finished comparison of the two on each test set."""
    done = Comparison.objects.filter(candidate=version, baseline=active, state=ComparisonState.DONE)
    moment = models.OuterRef("finished_at")
    later = models.Q(finished_at__gt=moment) | models.Q(finished_at=moment, id__gt=models.OuterRef("id"))
    newer = done.filter(later, manifest_sha256=models.OuterRef("manifest_sha256"))
    return done.exclude(models.Exists(newer.order_by()))


def _counting(standing: Iterable[Comparison]) -> Comparison | None:
    newest_first = sorted(standing, key=lambda each: (each.finished_at, each.id), reverse=True)
    lost = [each for each in newest_first if judge(each).verdict == Verdict.WORSE]
    return next(iter(lost + newest_first), None)


def newest_and_decisive(
    version: ModelVersion, active: ModelVersion, number: int
) -> tuple[list[Comparison], Comparison | None]:
    """The newest comparisons of `version`, `number` at most, and the one that counts; one query for both."""
    ours, standing = Comparison.objects.filter(candidate=version), _standing(version, active)
    found: list[Any] = list(
        ours.annotate(stands=models.Exists(standing.filter(pk=models.OuterRef("pk")).order_by()))
        .filter(models.Q(id__in=ours.values("id")[:number]) | models.Q(stands=True))
        .select_related("baseline")
    )
    return found[:number], _counting(each for each in found if each.stands)


def obstacle(version: ModelVersion, active: ModelVersion | None, comparison: Comparison | None) -> str:
    """Why the gate would not let `version` take the place of `active`, in a sentence; empty where it would.

    Args:
        comparison: the `decisive` one of the two.
    """
    if active is None:
        return ""
    if comparison is None:
        return _("%(name)s was not compared with the active model %(active)s yet. Compare them first.") % {
            "name": version,
            "active": active,
        }
    judgement = judge(comparison)
    if judgement.passes or (judgement.can_be_waived and comparison.waived_reason):
        return ""
    if judgement.verdict == Verdict.WORSE:
        stands = _("That was on %(data)s, and a comparison on another test set does not undo it.")
        return f"{judgement.sentence} {stands % {'data': comparison.data}}"
    return judgement.sentence


def promote(name: str, *, reason: str, by: str, force: bool = False) -> ModelVersion:
    """Makes the version called `name` the active one and logs it; running workers follow at their next prediction.

    Args:
        force: for the operator: `reason` overrides the gate, and the log says so.

    Raises:
        GateRefused: the gate stands against it.
        RegistryError: no such version, no reason, or its bundle does not load.
    """
    reason = _given(reason)
    with transaction.atomic():
        versions = _locked()
        version = _found(versions, name)
        if version.state == ModelState.ACTIVE:
            return version
        _check_loads(version)
        active = _active(versions)
        comparison = decisive(version, active) if active else None
        stands_against = obstacle(version, active, comparison)
        if stands_against and not force:
            raise GateRefused(stands_against)
        override = (reason, by) if stands_against else ("", "")
        if comparison and not stands_against and not judge(comparison).passes:
            override = (comparison.waived_reason, comparison.waived_by)
        _activate(
            version,
            active,
            kind=ActivationKind.PROMOTED,
            reason=reason,
            by=by,
            comparison=comparison,
            override_reason=override[0],
            override_by=override[1],
        )
    return version


def before_active() -> ModelVersion | None:
    """The version that a rollback would go back to."""
    stack: list[ModelVersion] = []
    log = Activation.objects.filter(kind__in=[ActivationKind.PROMOTED, ActivationKind.ROLLED_BACK])
    for entry in log.select_related("model_version").order_by("at", "id"):
        if entry.kind == ActivationKind.PROMOTED:
            stack.append(entry.model_version)
            continue
        # What was rolled back is gone for good: two rollbacks go two steps back and not one forth.
        while stack and stack[-1] != entry.model_version:
            stack.pop()
    return stack[-2] if len(stack) > 1 else None


def rollback(*, reason: str, by: str, expected: str | None = None) -> ModelVersion:
    """Goes back to the version that was active before the active one. No gate stands against going back.

    Args:
        expected: the name of the version that the person saw as the active one; None: whichever it is.

    Raises:
        RegistryError: nothing came before, no reason is given, or another version is active by now.
    """
    reason = _given(reason)
    with transaction.atomic():
        versions = _locked()
        active = _active(versions)
        if expected is not None and (active is None or active.name != expected):
            raise RegistryError(
                _("%(expected)s is no longer the active model, but %(active)s is. Nothing was changed.")
                % {"expected": expected, "active": active}
            )
        earlier = before_active()
        if earlier is None:
            raise RegistryError(_("There is no earlier model to go back to."))
        version = _found(versions, earlier.name)
        _check_loads(version)
        _activate(version, active, kind=ActivationKind.ROLLED_BACK, reason=reason, by=by)
    return version


def set_shadow(name: str, *, reason: str, by: str) -> ModelVersion:
    """Lets the version called `name` score new photos silently; the shadow before it, if any, stops.

    Raises:
        RegistryError: no such version, no reason, it is the active one, or its bundle does not load.
    """
    reason = _given(reason)
    with transaction.atomic():
        versions = _locked()
        version = _found(versions, name)
        if version.state == ModelState.SHADOW:
            return version
        if version.state == ModelState.ACTIVE:
            raise RegistryError(_("%(name)s is the active model; a shadow is compared with it.") % {"name": name})
        _check_loads(version)
        previous = next((each for each in versions if each.state == ModelState.SHADOW), None)
        if previous:
            _rest(previous)
        version.state = ModelState.SHADOW
        version.save(update_fields=["state"])
        Activation.objects.create(
            model_version=version, replaced=previous, kind=ActivationKind.SHADOW_ON, reason=reason, by=by
        )
    return version


def end_shadow(name: str, *, reason: str, by: str) -> ModelVersion:
    """Stops the silent scoring by the version called `name`; what it has scored stays.

    Raises:
        RegistryError: no such version, no reason, or it is not the shadow.
    """
    reason = _given(reason)
    with transaction.atomic():
        version = _found(_locked(), name)
        if version.state != ModelState.SHADOW:
            raise RegistryError(_("%(name)s is not the shadow model.") % {"name": name})
        _rest(version)
        Activation.objects.create(model_version=version, kind=ActivationKind.SHADOW_OFF, reason=reason, by=by)
    return version


@transaction.atomic
def waive(comparison: Comparison, *, reason: str, by: str) -> Comparison:
    """Lets the candidate of a comparison through the gate although the comparison cannot say that it is not worse.

    Raises:
        RegistryError: no reason, or the comparison says that it is worse, or that it knows the test set.
    """
    reason = _given(reason)
    comparison = Comparison.objects.select_for_update().get(id=comparison.id)
    if comparison.state != ComparisonState.DONE or not judge(comparison).can_be_waived:
        raise RegistryError(
            _("Only a comparison on too few cases, or on photos that are not known to be held out, can be waived.")
        )
    if not comparison.waived_reason:
        comparison.waived_reason, comparison.waived_by, comparison.waived_at = reason, by, timezone.now()
        comparison.save(update_fields=["waived_reason", "waived_by", "waived_at"])
    return comparison


def _given(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise RegistryError(_("Say why: the reason stands in the log for good."))
    return reason


def _locked() -> list[ModelVersion]:
    """Every version, locked: one lock for all changes of state, so that of two at once the second sees the first's."""
    return list(ModelVersion.objects.select_for_update().order_by("id"))


def _found(versions: list[ModelVersion], name: str) -> ModelVersion:
    for version in versions:
        if version.name == name:
            return version
    raise RegistryError(
        _("There is no model called %(name)s. `python manage.py models list` names them.") % {"name": name}
    )


def _active(versions: list[ModelVersion]) -> ModelVersion | None:
    return next((each for each in versions if each.state == ModelState.ACTIVE), None)


def _check_loads(version: ModelVersion) -> None:
    try:
        bundle = Bundle.load(folder(version))
        if bundle.sha256 != version.sha256:
            raise BundleError(_("its bundle is not the one that was registered."))
    except BundleError as error:
        raise RegistryError(_("%(name)s cannot be used: %(why)s") % {"name": version, "why": error}) from error


def _activate(version: ModelVersion, previous: ModelVersion | None, **logged: object) -> None:
    if previous:
        previous.state = ModelState.RETIRED
        previous.save(update_fields=["state"])
    version.state = ModelState.ACTIVE
    version.activated_at = timezone.now()
    version.save(update_fields=["state", "activated_at"])
    Activation.objects.create(model_version=version, replaced=previous, **logged)


def _rest(version: ModelVersion) -> None:
    """Where a version goes that stops to be the shadow."""
    version.state = ModelState.RETIRED if version.activated_at else ModelState.CANDIDATE
    version.save(update_fields=["state"])
