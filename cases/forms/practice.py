from django import forms
from django.utils.translation import gettext_lazy as _

from cases.forms.reads import ConditionField


class AnswerForm(forms.Form):
    condition = ConditionField(label=_("What is it?"))
