"""The forms of the reading page: a read, and what the biopsy found."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.models import ModelChoiceIteratorValue
from django.forms.utils import flatatt
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from cases.models import Certainty, Condition, Management, Outcome


class ConditionSelect(forms.Select):
    """A plain list of conditions; static/js/condition-picker.js makes it a search over all their names and codes."""

    def create_option(self, name: str, value: Any, label: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, label, *args, **kwargs)
        condition: Condition | None = getattr(value, "instance", None)
        if condition:
            option["attrs"]["data-words"] = " ".join([condition.code, condition.icd10, *condition.synonyms])
            option["attrs"]["data-also"] = ", ".join(condition.synonyms)
            if condition.malignant:
                option["attrs"]["data-malignant"] = "yes"
        return option

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """What Django's template makes of it, which renders two more for each option: much of the page's time."""
        widget = self.get_context(name, value, attrs)["widget"]
        options = format_html_join(
            "\n",
            '<option value="{}"{}>{}</option>',
            (
                (option["value"], flatatt(option["attrs"]), option["label"])
                for _group, options, _index in widget["optgroups"]
                for option in options
            ),
        )
        return format_html('<select name="{}"{}>{}</select>', widget["name"], flatatt(widget["attrs"]), options)


class ConditionField(forms.ModelChoiceField):
    widget = ConditionSelect

    def __init__(self, **options: Any) -> None:
        super().__init__(Condition.objects.filter(is_offered=True), empty_label=_("Choose a condition"), **options)
        self.widget.attrs["data-condition-picker"] = ""
        self.widget.attrs["data-placeholder"] = str(_("Name, code or ICD-10"))

    def label_from_instance(self, condition: Any) -> str:
        return f"{condition.name} · {condition.icd10}" if condition.icd10 else condition.name

    def offer(self, conditions: Iterable[Condition]) -> None:
        """Lists these, which the page has loaded already. What is chosen is looked up in the database all the same."""
        options = [(ModelChoiceIteratorValue(each.pk, each), self.label_from_instance(each)) for each in conditions]
        self.choices = [("", self.empty_label), *options]


class OffersConditions(forms.BaseForm):
    """A form with a field `condition`."""

    def offer(self, conditions: Iterable[Condition]) -> None:
        self.fields["condition"].offer(conditions)  # type: ignore[attr-defined]


class KeyedRadioSelect(forms.RadioSelect):
    """Radio buttons that a key presses (static/js/shortcuts.js); templates/cases/page/_help.html lists the keys."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__()
        self.keys = keys

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        option["attrs"]["data-shortcut"] = self.keys[value]
        return option


class MomentField(forms.CharField):
    """A moment that the page was given, exact to the microsecond, sent back unchanged; None where it had none."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValidationError(_("The page is out of date. Load it again.")) from None
        return moment if timezone.is_aware(moment) else None


class ReadForm(OffersConditions, forms.Form):
    """One opinion to be signed.

    `prediction`, `prediction_at` and `ai_visible` stand in the AI card, which is replaced whenever it shows another
    opinion: what is sent is what was on the screen.
    """

    condition = ConditionField(
        label=_("Condition"), error_messages={"required": _("Choose the condition that you see.")}
    )
    certainty = forms.ChoiceField(
        label=_("How sure are you?"),
        choices=Certainty.choices,
        widget=KeyedRadioSelect({Certainty.CERTAIN: "q", Certainty.PROBABLE: "w", Certainty.POSSIBLE: "e"}),
        error_messages={"required": _("Say how sure you are.")},
    )
    management = forms.ChoiceField(
        label=_("What happens next?"),
        choices=Management.choices,
        widget=KeyedRadioSelect(
            {
                Management.DISCHARGE: "d",
                Management.FOLLOW_UP: "f",
                Management.BIOPSY: "b",
                Management.URGENT_REFERRAL: "u",
            }
        ),
        error_messages={"required": _("Say what happens next.")},
    )
    comment = forms.CharField(
        label=_("Comment"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2})
    )
    read_id = forms.UUIDField(widget=forms.HiddenInput)
    newest_seen = forms.UUIDField(required=False, widget=forms.HiddenInput)
    case_seen = forms.CharField(required=False, max_length=32, widget=forms.HiddenInput)
    draft_version = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
    prediction = forms.UUIDField(required=False, widget=forms.HiddenInput)
    prediction_at = MomentField(required=False)
    ai_visible = forms.BooleanField(required=False, widget=forms.HiddenInput)
    discharge_confirmed = forms.BooleanField(required=False)

    def clean_draft_version(self) -> int:
        return self.cleaned_data["draft_version"] or 0

    def with_fresh(self, **values: object) -> "ReadForm":
        """The same form with what was typed, and other hidden values."""
        fresh = {name: "" if value is None else str(value) for name, value in values.items()}
        return type(self)({**dict(self.data.items()), **fresh})


class DraftForm(forms.Form):
    """A read as far as it has come: anything may be missing, nothing may be made up."""

    condition = forms.ModelChoiceField(Condition.objects.filter(is_offered=True), required=False)
    certainty = forms.ChoiceField(choices=Certainty.choices, required=False)
    management = forms.ChoiceField(choices=Management.choices, required=False)
    comment = forms.CharField(required=False, max_length=2000, strip=False)
    draft_version = forms.IntegerField(required=False, min_value=0)


class OutcomeForm(OffersConditions, forms.ModelForm):
    condition = ConditionField(label=_("What the biopsy found"))
    replaces = MomentField(required=False)

    class Meta:
        model = Outcome
        fields = ["condition", "reported_on", "pathology_reference", "comment"]
        widgets = {
            "reported_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "comment": forms.Textarea(attrs={"rows": 2}),
        }

    def __init__(self, data: Mapping[str, Any] | None = None, *, outcome: Outcome | None = None) -> None:
        # Bound to a throw-away row: cases/record/outcomes.py writes, and what stands in the record is not touched here.
        initial = {} if outcome is None else {name: getattr(outcome, name) for name in self.Meta.fields}
        initial["replaces"] = outcome.recorded_at.isoformat() if outcome else ""
        super().__init__(data, initial=initial, prefix="outcome")
        self.fields["reported_on"].widget.attrs["max"] = timezone.localdate().isoformat()
