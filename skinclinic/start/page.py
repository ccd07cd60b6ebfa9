"""The start page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.doors import signed_in
from accounts.middleware import current_clinic
from accounts.models import Clinic, User
from accounts.roles import Role
from cases.views.doors import signed_in_person
from cases.worklist.counts import numbers
from skinclinic.start import desk, integration, leading, reading, running
from skinclinic.start.card import Part

# In the order of the page. Whoever holds several roles has the parts of all of them.
_PARTS = [
    (desk, {Role.STAFF}),
    (reading, {Role.DOCTOR, Role.LEAD}),
    (leading, {Role.LEAD}),
    (running, {Role.ADMIN}),
    (integration, {Role.INTEGRATION}),
]


@require_safe
@signed_in
def home(request: HttpRequest) -> HttpResponse:
    """What the person's roles ask for next; tells those without a role whom to ask."""
    person, clinic = signed_in_person(request), current_clinic(request)
    if clinic:
        parts = parts_of(person, clinic)
    elif person.is_superuser:
        counts = {name: found.count() for name, found in running.people_counted(person).items()}
        parts = [running.part(person, None, counts)]
    else:
        return render(request, "accounts/no_role.html")
    return render(request, "start/page.html", {"parts": parts})


def parts_of(person: User, clinic: Clinic) -> list[Part]:
    """One query counts for all parts; each asks few more."""
    roles = {held.role for held in person.held_memberships if held.clinic_id == clinic.id}
    chosen = [module for module, whose in _PARTS if roles & whose]
    counted = {name: found for module in chosen for name, found in module.counted(person, clinic).items()}
    counts = numbers(clinic, counted) if counted else {}
    return [module.part(person, clinic, counts) for module in chosen]
