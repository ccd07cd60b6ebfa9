"""What the project's forms share."""

from datetime import date
from typing import Any

from django import forms
from django.db.models import Model
from django.utils import formats, timezone


class BirthDateInput(forms.DateInput):
    """The browser's own date field; it sends 1961-04-02 in every language."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d", attrs={"autocomplete": "off", "min": "1890-01-01"})

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return super().get_context(name, value, {**(attrs or {}), "max": timezone.localdate().isoformat()})


class SeenMixin(forms.BaseForm):
    """Remembers in a hidden field what the page showed, and says in words what changed meanwhile."""

    def changes(self) -> dict[str, Any]:
        """What goes to the service, by the record's field names."""
        raise NotImplementedError

    def see_again(self, stamp: str) -> None:
        """From now on the page has shown what `stamp` stands for; what was typed stays."""
        self.data = {**{name: self.data.get(name) for name in self.data}, "seen": stamp}

    def differences(self, record: Model) -> list[tuple[str, str, str]]:
        """(label, what the record says, what was typed) of each field in which they differ, in words."""
        found = []
        for name, typed in self.changes().items():
            kept = getattr(record, name)
            if kept != typed:
                found.append((str(self.fields[name].label), self._words(name, kept), self._words(name, typed)))
        return found

    def _words(self, name: str, value: Any) -> str:
        if isinstance(value, date):
            return formats.date_format(value, "j M Y")
        choices = dict(getattr(self.fields[name], "choices", []))
        return str(choices.get(value, value))


def place_refusal(form: forms.BaseForm, sentence: str, field: str | None) -> None:
    """Puts a service's refusal at the field it is about, or at the top."""
    form.add_error(field if field in form.fields else None, sentence)
