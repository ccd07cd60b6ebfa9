from django import forms
from django.utils.translation import gettext_lazy as _

from cases.forms.reads import ConditionField, OffersConditions


class AnswerForm(OffersConditions, forms.Form):
    condition = ConditionField(label=_("What is it?"))
