"""The styleguide: every component in all its states, for those who make pages. Wired only when DEBUG is on."""

from datetime import date

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from cases.models import Answer, Lesion, Patient, Urgency
from cases.models.lesion import BodySite, Side
from cases.models.patient import Consent, Sex


class ExampleForm(forms.Form):
    """One field of every kind that a page uses."""

    family_name = forms.CharField(label="Family name", max_length=100)
    mrn = forms.CharField(label="MRN", help_text="The medical record number on the wristband or letter.")
    birth_date = forms.DateField(label="Birth date", widget=forms.DateInput(attrs={"type": "date"}))
    sex = forms.ChoiceField(label="Sex", choices=Sex.choices)
    comment = forms.CharField(label="Comment", widget=forms.Textarea(attrs={"rows": 3}), required=False)
    certainty = forms.ChoiceField(
        label="How sure are you?",
        widget=forms.RadioSelect,
        choices=[("guess", "Guess"), ("probable", "Probable"), ("certain", "Certain")],
        initial="probable",
    )
    ai_consent = forms.BooleanField(label="The patient agrees to the use of AI", required=False)
    body_site = forms.ChoiceField(label="Body site", choices=BodySite.choices, initial=BodySite.FOREARM)
    side = forms.ChoiceField(label="Side", choices=Side.choices, initial=Side.LEFT, required=False)


class ExampleQuestions(forms.Form):
    """The clinical answers of a case."""

    itch = forms.ChoiceField(label="Itches", widget=forms.RadioSelect, choices=Answer.choices, initial="unknown")
    bled = forms.ChoiceField(label="Has bled", widget=forms.RadioSelect, choices=Answer.choices, initial="yes")
    grew = forms.ChoiceField(label="Has grown", widget=forms.RadioSelect, choices=Answer.choices, initial="no")


_WAITING = [
    {
        "urgency": Urgency.URGENT,
        "patient": "Halvorsen, Ingrid",
        "place": "71, nose",
        "reason": "AI: 64 % malignant. Has bled.",
        "due": "3 h over",
        "overdue": True,
        "state": "Being read",
        "kind": "active",
        "reader": "Dr Moreau",
        "photo": True,
    },
    {
        "urgency": Urgency.URGENT,
        "patient": "Okonkwo, Chidi",
        "place": "58, left forearm",
        "reason": "Asked for by staff",
        "due": "40 min left",
        "state": "Waiting",
        "photo": True,
    },
    {
        "urgency": Urgency.SOON,
        "patient": "Papadopoulou-Konstantinidou, Eleni",
        "place": "34, back",
        "reason": "Grew and changed",
        "due": "1 d left",
        "state": "Waiting",
        "photo": True,
    },
    {
        "urgency": Urgency.ROUTINE,
        "patient": "Kowalczyk, Jan",
        "place": "46, right thigh",
        "reason": "No AI: consent refused",
        "due": "3 d left",
        "state": "Signed",
        "kind": "done",
        "reader": "Dr Sato",
    },
]


def styleguide(request: HttpRequest) -> HttpResponse:
    """All components on one page."""
    messages.success(request, "The case is signed. 6 cases are left on the worklist.")
    messages.warning(request, "A patient with this name and birth date is already registered.")
    messages.error(request, "Two photos were not accepted. The reasons stand beside them.")
    wrong = ExampleForm({"family_name": "Okonkwo", "certainty": "unsure", "body_site": "nose"})
    wrong.is_valid()
    patient = Patient(
        family_name="Halvorsen",
        given_name="Ingrid",
        birth_date=date(1954, 3, 9),
        sex=Sex.FEMALE,
        mrn="P-20417",
        ai_consent=Consent.GRANTED,
        training_consent=Consent.REFUSED,
    )
    return render(
        request,
        "styleguide.html",
        {
            "form": ExampleForm(),
            "questions": ExampleQuestions(),
            "wrong": wrong,
            "waiting": _WAITING,
            "patient": patient,
            "lesion": Lesion(body_site=BodySite.NOSE, side=Side.LEFT),
            "page": Paginator(range(173), 25).page(2),
            "now": timezone.now(),
            "sites": BodySite.values,
        },
    )
