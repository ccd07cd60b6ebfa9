"""The registered models: list, compare, promote, roll back, set a shadow, rescore signed cases, look at consents."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Clinic
from cases.prediction import rescoring
from inference import promotion, registry
from inference.bundle import BundleError
from inference.known import headline
from inference.models import Comparison, ModelVersion
from training.comparing import comparisons
from training.data import snapshots
from training.data.classes import code_of
from training.data.datasets import DataError, load
from training.fitting.model_card import number
from training.management.operators import operator
from training.progress import ConsoleReport

# The figures worth a column; a bundle that lacks one shows a dash.
_FIGURES = ("accuracy", "balanced_accuracy", "malignant_auc")
_TITLES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "malignant_auc": "Malignant AUC",
    "malignant_sensitivity": "Malignant sensitivity",
    "malignant_specificity": "Malignant specificity",
}
_WITHOUT_REASON = "No reason given."


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        wish = parser.add_subparsers(
            dest="wish", required=True, metavar="list | promote | rollback | shadow | compare | rescore | consents"
        )
        listing = wish.add_parser("list", help="every registered model, the newest first")
        listing.add_argument("--json", action="store_true", help="for programs")

        promote = wish.add_parser("promote", help="make a model the active one")
        promote.add_argument("name")
        promote.add_argument(
            "--force", action="store_true", help="whatever the comparison says; needs --reason and is logged as such"
        )
        rollback = wish.add_parser("rollback", help="go back to the model before the active one")
        shadow = wish.add_parser("shadow", help="let a model score new photos silently")
        shadow.add_argument("name")
        shadow.add_argument("--off", action="store_true", help="stop it")
        for one in (promote, rollback, shadow):
            one.add_argument("--reason", default="", help="stands in the log for good")

        compare = wish.add_parser("compare", help="two models on the same held-out photos")
        compare.add_argument("name", help="the candidate")
        compare.add_argument("--with", dest="baseline", metavar="NAME", help="default: the active model")
        compare.add_argument("--data", type=Path, required=True, help="SPLIT/CLASS/photo.jpg or CLASS/photo.jpg")
        compare.add_argument("--split", required=True, help="name of the split, or “all”")
        compare.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")

        wish.add_parser("consents", help="the models made with photos of patients who took their consent back")

        rescore = wish.add_parser("rescore", help="have signed cases scored by a model, in the background")
        rescore.add_argument("name")
        rescore.add_argument("--clinic", help="of this clinic alone (default: of every clinic)")
        rescore.add_argument("--cancel", action="store_true", help="end it; what was scored stays")

    def handle(self, *args: Any, wish: str, **options: Any) -> None:
        try:
            getattr(self, f"_{wish}")(**options)
        except (registry.RegistryError, registry.NoActiveModel) as error:
            raise CommandError(str(error)) from error

    # --- What is there ------------------------------------------------------------------------------
    def _list(self, *, json: bool, **_: Any) -> None:
        versions = list(ModelVersion.objects.all())
        if json:
            self._print_json(versions)
            return
        if not versions:
            self.stdout.write("No model is registered. `python manage.py train` makes one.")
            return
        width = max(len(one.name) for one in versions)
        self.stdout.write(f"{'name':{width}}  {'state':9}  registered  " + "  ".join(_FIGURES))
        for one in versions:
            _split, figures = headline(one)
            columns = "  ".join(f"{_plain(figures.get(name)):>{len(name)}}" for name in _FIGURES)
            self.stdout.write(f"{one.name:{width}}  {one.state:9}  {one.created_at:%Y-%m-%d}  {columns}")

    def _print_json(self, versions: list[ModelVersion]) -> None:
        rows = [
            {"name": one.name, "state": one.state, "sha256": one.sha256, "metrics": one.metrics} for one in versions
        ]
        self.stdout.write(json.dumps(rows, indent=2))

    # --- Which one works ----------------------------------------------------------------------------
    def _promote(self, *, name: str, reason: str, force: bool, **_: Any) -> None:
        if force and not reason.strip():
            raise CommandError("--force needs a --reason: it stands in the log for good.")
        try:
            version = promotion.promote(name, reason=reason or _WITHOUT_REASON, by=operator(), force=force)
        except promotion.GateRefused as refusal:
            raise CommandError(
                f"{refusal}\n`models compare {name} --data DIR --split NAME` compares it with the active model; "
                "`--force --reason …` promotes it all the same."
            ) from refusal
        self._is_active(version)

    def _rollback(self, *, reason: str, **_: Any) -> None:
        self._is_active(promotion.rollback(reason=reason or _WITHOUT_REASON, by=operator()))

    def _is_active(self, version: ModelVersion) -> None:
        self.stdout.write(f"{version.name} is the active model. Running workers follow at their next prediction.")

    def _shadow(self, *, name: str, reason: str, off: bool, **_: Any) -> None:
        if off:
            promotion.end_shadow(name, reason=reason or _WITHOUT_REASON, by=operator())
            self.stdout.write(f"{name} is no longer the shadow model.")
            return
        promotion.set_shadow(name, reason=reason or _WITHOUT_REASON, by=operator())
        self.stdout.write(f"{name} scores new photos silently from now on.")

    # --- Which one is better ------------------------------------------------------------------------
    def _compare(self, *, name: str, baseline: str | None, data: Path, split: str, json: Path | None, **_: Any) -> None:
        candidate = _named(name)
        other = _named(baseline) if baseline else registry.active()
        if candidate == other:
            raise CommandError(f"{name} cannot be compared with itself: name another one after --with.")
        try:
            whole = load(data, code_of)
            comparison = comparisons.run_now(candidate, other, whole, split, by=operator(), report=ConsoleReport())
        except (BundleError, DataError) as error:
            raise CommandError(str(error)) from error
        self._print(comparison)
        if json:
            _write(json, comparison)

    def _print(self, comparison: Comparison) -> None:
        figures = comparison.figures
        self.stdout.write(
            f"{comparison.n} photos of {figures['patients']} patients, {figures['malignant_n']} of them malignant; "
            f"test set {comparison.manifest_sha256[:12]}"
        )
        names = (comparison.candidate.name, comparison.baseline.name, "difference")
        self.stdout.write(f"{'':<24}" + "".join(f"{name[:26]:<28}" for name in names))
        for key, figure in figures["figures"].items():
            cells = [number(figure, side) for side in ("candidate", "baseline", "difference")]
            self.stdout.write(f"{_TITLES[key]:<24}" + "".join(f"{cell:<28}" for cell in cells))
        for sentence in comparisons.cautions(comparison):
            self.stdout.write(f"! {sentence}")
        self.stdout.write(promotion.judge(comparison).sentence)

    # --- Old cases ----------------------------------------------------------------------------------
    def _rescore(self, *, name: str, clinic: str | None, cancel: bool, **_: Any) -> None:
        version = _named(name)
        clinics = Clinic.objects.filter(name=clinic) if clinic else Clinic.objects.all()
        if clinic and not clinics:
            raise CommandError(f"There is no clinic called {clinic}.")
        for each in clinics:
            if cancel:
                ended = [rescoring.cancel(job) for job in version.rescorings.filter(clinic=each, state="running")]
                self.stdout.write(f"{each}: {'cancelled' if any(ended) else 'nothing was running'}.")
                continue
            job = rescoring.start(each, version, by=operator())
            self.stdout.write(f"{each}: {job.done} of {job.total} photos of signed cases; the workers go on with it.")

    # --- Consent taken back -------------------------------------------------------------------------
    def _consents(self, **_: Any) -> None:
        found = snapshots.models_with_withdrawn()
        if not found:
            self.stdout.write("No model was made with photos of a patient who has taken the consent back.")
        for version, patients in found.items():
            self.stdout.write(
                f"{version.name} ({version.get_state_display().lower()}): {patients} patients have taken their consent "
                "to training use back. The next `train --from-cases` is without them."
            )


def _write(path: Path, comparison: Comparison) -> None:
    result = {
        "candidate": comparison.candidate.name,
        "baseline": comparison.baseline.name,
        "data": comparison.data,
        "manifest_sha256": comparison.manifest_sha256,
        **comparison.figures,
        "verdict": promotion.judge(comparison).verdict.value,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _named(name: str) -> ModelVersion:
    version = ModelVersion.objects.filter(name=name).first()
    if version is None:
        raise CommandError(f"There is no model called {name}. `python manage.py models list` names them.")
    return version


def _plain(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "-"
