"""Logging a case and changing it."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from cases.forms.fields import SeenMixin
from cases.models import Answer, BodySite, Case, Lesion, Side, Urgency
from cases.record.drafts import Place
from cases.record.lifecycle import CHANGEABLE

NEW = "new"


class AnswersForm(SeenMixin, forms.ModelForm):
    """The six questions, the urgency and the note.

    With `urgency_is_hidden` (cases/blinding.py) the form neither shows nor changes which urgency was asked for.
    """

    seen = forms.CharField(required=False, max_length=16, widget=forms.HiddenInput)

    class Meta:
        model = Case
        fields = CHANGEABLE
        widgets = {
            **dict.fromkeys(Case.QUESTIONS, forms.RadioSelect),
            "requested_urgency": forms.RadioSelect,
            "note": forms.Textarea(attrs={"rows": 3, "maxlength": 2000}),
        }
        labels = {"requested_urgency": _("How soon should a doctor look?")}

    def __init__(self, *args: Any, urgency_is_hidden: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in Case.QUESTIONS:
            self.fields[name] = forms.ChoiceField(
                label=self.fields[name].label,
                choices=Answer.choices,
                initial=Answer.UNKNOWN,
                required=False,
                widget=forms.RadioSelect,
            )
        self.fields["requested_urgency"] = forms.TypedChoiceField(
            label=self.fields["requested_urgency"].label,
            # Calm first: most cases are routine, and urgent is a step one takes.
            choices=list(reversed(Urgency.choices)),
            coerce=int,
            initial=Urgency.ROUTINE,
            widget=forms.RadioSelect,
        )
        if urgency_is_hidden:
            del self.fields["requested_urgency"]

    def questions(self) -> list[forms.BoundField]:
        return [self[name] for name in Case.QUESTIONS]

    def changes(self) -> dict[str, Any]:
        """What goes to the service; a question without an answer is unknown."""
        given = {name: self.cleaned_data[name] for name in CHANGEABLE if name in self.fields}
        return given | {name: given[name] or Answer.UNKNOWN for name in Case.QUESTIONS}

    def _post_clean(self) -> None:
        """The service alone writes into the record."""


class CaseForm(AnswersForm):
    """A whole new case of one patient. `case_id` is made with the page, so that a double click is one case."""

    case_id = forms.UUIDField(widget=forms.HiddenInput(attrs={"autocomplete": "off"}))
    lesion = forms.ChoiceField(label=_("Which lesion?"), widget=forms.RadioSelect)
    body_site = forms.ChoiceField(
        label=_("Body site"), choices=BodySite.choices, required=False, widget=forms.RadioSelect
    )
    side = forms.ChoiceField(
        label=_("Side, as the patient sees it"), choices=Side.choices, required=False, widget=forms.RadioSelect
    )
    place_note = forms.CharField(
        label=_("Where exactly"),
        required=False,
        max_length=200,
        help_text=_("for example: two fingers above the elbow"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, lesions: Iterable[Lesion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lesions = {str(lesion.id): lesion for lesion in lesions}
        choice = self.fields["lesion"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [*((key, lesion.place) for key, lesion in self.lesions.items()), (NEW, _("A new lesion"))]
        if not self.is_bound:
            self.initial.setdefault("case_id", uuid7())
            self.initial.setdefault("lesion", "" if self.lesions else NEW)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("lesion") == NEW and not given.get("body_site"):
            self.add_error("body_site", _("Choose where on the body the lesion is."))
        return given

    @property
    def chosen_lesion(self) -> Lesion | None:
        return self.lesions.get(self.cleaned_data["lesion"])

    @property
    def place(self) -> Place | None:
        """Where the new lesion is; None when a known one was chosen."""
        given = self.cleaned_data
        if given["lesion"] != NEW:
            return None
        return Place(given["body_site"], given["side"], given["place_note"])


class WithdrawForm(forms.Form):
    reason = forms.CharField(
        label=_("Why is the case withdrawn?"),
        max_length=200,
        help_text=_("for example: logged for the wrong patient"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
