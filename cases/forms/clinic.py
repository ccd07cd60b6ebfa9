"""How a clinic reads."""

from django import forms

from accounts.models import Clinic


class PolicyForm(forms.ModelForm):
    class Meta:
        model = Clinic
        fields = [
            "read_first",
            "second_read_all",
            "second_read_urgent",
            "second_read_trainee",
            "second_read_ai_differs",
            "second_read_unsure",
            "second_read_share",
            "target_hours_urgent",
            "target_hours_soon",
            "target_hours_routine",
            "answer_set_coverage",
        ]
