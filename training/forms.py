"""What leads type on the models' pages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from accounts.models import Clinic
from training.data.testsets import TestSet
from training.recipe import NETWORKS, default_name


class ReasonForm(forms.Form):
    """Why: it stands in the log for good, with the name of who decided."""

    reason = forms.CharField(
        max_length=500,
        label=_("Reason"),
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Say why: the reason stands in the log for good.")},
    )


class CompareForm(forms.Form):
    source = forms.ChoiceField(label=_("Test set"))

    def __init__(self, test_sets: list[TestSet], data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        cast(forms.ChoiceField, self.fields["source"]).choices = [(each.key, each.title) for each in test_sets]


CASES, FOLDER, BOTH = "cases", "folder", "both"
_NETWORKS = {
    "lite2": _("EfficientNet-Lite2: the best there is, and the slowest"),
    "lite0": _("EfficientNet-Lite0: half the time"),
    "student": _("Small network without ImageNet: for comparison only"),
}


class TrainForm(forms.Form):
    """What to train. `clinic` is whose signed cases the person may have learnt from; None for none."""

    run_id = forms.UUIDField(widget=forms.HiddenInput)
    source = forms.ChoiceField(label=_("Learn from"), widget=forms.RadioSelect)
    name = forms.CharField(
        max_length=80, label=_("Name of the new model"), help_text=_("Lower-case letters, digits and dashes.")
    )
    network = forms.ChoiceField(
        label=_("Network"), choices=[(name, _NETWORKS.get(name, name)) for name in NETWORKS], widget=forms.RadioSelect
    )
    quick = forms.BooleanField(
        label=_("Head alone"), required=False, help_text=_("About a minute instead of twenty, and clearly less good.")
    )
    includes_unconfirmed = forms.BooleanField(
        label=_("With corrections that nobody confirmed"),
        required=False,
        help_text=_("Cases whose only reader overturned an earlier read or the AI. Some are slips."),
    )
    epochs = forms.IntegerField(
        label=_("Most epochs"),
        required=False,
        min_value=1,
        max_value=200,
        help_text=_("Empty: as many as the recipe has. It stops early by itself."),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, clinic: Clinic | None) -> None:
        folder = Path(settings.TRAINING_DATA_DIR).name if settings.TRAINING_DATA_DIR else ""
        self.sources = _sources(clinic, folder)
        starts = {
            "run_id": uuid7(),
            "source": self.sources[-1][0] if self.sources else "",
            "network": NETWORKS[0],
            "name": default_name(NETWORKS[0], None if clinic else Path(folder)),
        }
        super().__init__(data, initial=starts)
        cast(forms.ChoiceField, self.fields["source"]).choices = self.sources
        self.clinic = clinic

    def wishes(self) -> dict[str, Any]:
        """The arguments of `runs.request`, for a valid form."""
        said = self.cleaned_data
        run_id: UUID = said["run_id"]
        return {
            "run_id": run_id,
            "clinic": self.clinic if said["source"] in (CASES, BOTH) else None,
            "uses_folder": said["source"] in (FOLDER, BOTH),
            "name": said["name"].strip(),
            **{key: said[key] for key in ("network", "quick", "epochs", "includes_unconfirmed")},
        }


def _sources(clinic: Clinic | None, folder: str) -> list[tuple[str, Any]]:
    """What there is to learn from, the richest last."""
    choices: list[tuple[str, Any]] = []
    if folder:
        choices.append((FOLDER, _("The photos in the folder %(folder)s") % {"folder": folder}))
    if clinic:
        choices.append((CASES, _("Signed cases of %(clinic)s") % {"clinic": clinic}))
    if clinic and folder:
        choices.append((BOTH, _("Both")))
    return choices
