"""What each role may do in its clinic: the one table that every door asks."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    STAFF = "staff", _("Staff")
    DOCTOR = "doctor", _("Doctor")
    LEAD = "lead", _("Lead doctor")
    ADMIN = "admin", _("Clinic admin")
    INTEGRATION = "integration", _("Integration")


class Capability(models.TextChoices):
    VIEW_RECORD = "view_record", _("see patients, cases, photos and opinions")
    LOG_CASES = "log_cases", _("register patients, log cases, add photos")
    SIGN_READS = "sign_reads", _("read cases and sign")
    ARBITRATE = "arbitrate", _("settle what two readers disagree on")
    RECORD_OUTCOMES = "record_outcomes", _("record biopsy outcomes")
    STOP_AI = "stop_ai", _("stop the AI for the clinic, and start it again")
    SET_POLICY = "set_policy", _("say how the clinic reads: hidden AI, second reads, targets")
    MANAGE_PRACTICE = "manage_practice", _("choose practice cases")
    SEE_FIGURES = "see_figures", _("see the clinic's figures")
    MANAGE_MODELS = "manage_models", _("see the models' figures and compare them")
    # One model serves all clinics: whoever decides over it holds these in every clinic (access.everywhere).
    PROMOTE_MODELS = "promote_models", _("make a model active, roll back, set a shadow model")
    WAIVE_COMPARISON = "waive_comparison", _("let a model be promoted that was compared on too few cases")
    RESCORE_CASES = "rescore_cases", _("score signed cases again and look at what a new model flags")
    OPEN_ADMIN = "open_admin", _("open the admin pages")
    MANAGE_USERS = "manage_users", _("manage people and their roles")


_EVERYONE = {Capability.VIEW_RECORD, Capability.LOG_CASES}

GRANTS: dict[str, frozenset[Capability]] = {
    Role.STAFF: frozenset(_EVERYONE),
    Role.DOCTOR: frozenset(_EVERYONE | {Capability.SIGN_READS, Capability.RECORD_OUTCOMES}),
    Role.LEAD: frozenset(
        _EVERYONE
        | {
            Capability.SIGN_READS,
            Capability.ARBITRATE,
            Capability.RECORD_OUTCOMES,
            Capability.STOP_AI,
            Capability.SET_POLICY,
            Capability.MANAGE_PRACTICE,
            Capability.SEE_FIGURES,
            Capability.MANAGE_MODELS,
            Capability.PROMOTE_MODELS,
            Capability.RESCORE_CASES,
            Capability.OPEN_ADMIN,
        }
    ),
    # An admin runs the clinic and never signs for a doctor.
    Role.ADMIN: frozenset(
        _EVERYONE
        | {
            Capability.STOP_AI,
            Capability.SET_POLICY,
            Capability.SEE_FIGURES,
            Capability.MANAGE_MODELS,
            Capability.WAIVE_COMPARISON,
            Capability.OPEN_ADMIN,
            Capability.MANAGE_USERS,
        }
    ),
    Role.INTEGRATION: frozenset(_EVERYONE),
}


def roles_with(capability: Capability) -> list[str]:
    """The roles that grant `capability`."""
    return [role for role, granted in GRANTS.items() if capability in granted]
