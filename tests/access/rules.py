"""The rule table of the access matrix: who may pass which door. A door is an address's name and a method.

To add a door: name it in `RULES` (for a page or the API) or in `ADMIN` (for a model in the admin pages). Say who
passes; where the address names a record, `of` says whose record to try it with, and the test adds by itself that the
same record of a foreign clinic answers 404, exactly as an id that never was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uuid6 import uuid7

from tests.access.world import Side
from tests.cast import photo

STAFF, DOCTOR, LEAD, ADMIN, INTEGRATION = "staff", "doctor", "lead", "admin", "integration"
NOBODY = "nobody"  # signed in, without a role anywhere
OPERATOR = "operator"  # the platform's superuser, without a role in a clinic
STRANGER = "stranger"  # not signed in
EVERYONE = (STAFF, DOCTOR, LEAD, ADMIN, INTEGRATION, NOBODY, OPERATOR, STRANGER)
PEOPLE = (STAFF, DOCTOR, LEAD, ADMIN, INTEGRATION)  # with a role in a clinic
SIGNED_IN = (*PEOPLE, NOBODY, OPERATOR)
SIGNERS = (DOCTOR, LEAD)
RUNNERS = (LEAD, ADMIN)


@dataclass(frozen=True)
class Rule:
    """Who passes a door, and how a test knocks.

    who: the roles that pass, in their own clinic.
    of: the address's arguments for a clinic's side of the world; None where the address names no record.
    body: what is sent, for a side; dict.
    json: send it as JSON (the API), else as a form.
    sees_all: roles that pass for foreign records too (the operator in the admin pages).
    shared: the record belongs to no clinic, so there is no foreign one.
    passes: the statuses that mean "passed".
    refused: what those with the wrong role get.
    """

    who: tuple[str, ...]
    of: Callable[[Side], dict[str, Any]] | None = None
    body: Callable[[Side], dict[str, Any]] | None = None
    json: bool = False
    sees_all: tuple[str, ...] = ()
    shared: bool = False
    passes: tuple[int, ...] = (200, 201, 204, 302)
    refused: int = 403


def _pk(attribute: str) -> Callable[[Side], dict[str, Any]]:
    return lambda side: {"pk": getattr(side, attribute).pk}


def _arg(name: str, attribute: str) -> Callable[[Side], dict[str, Any]]:
    return lambda side: {name: getattr(side, attribute).pk}


def _api(who: tuple[str, ...], of: Any = None, body: Any = None, **more: Any) -> Rule:
    return Rule(who, of, body, json=True, passes=more.pop("passes", (200, 201)), **more)


def _file(side: Side) -> dict[str, Any]:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return {"file": SimpleUploadedFile("photo.jpg", photo(width=300, height=300), "image/jpeg"), "kind": "close_up"}


def _patient(side: Side) -> dict[str, Any]:
    return {
        "clinic": str(side.clinic.pk),
        "mrn": "NEW-1",
        "family_name": "New",
        "given_name": "Person",
        "birth_date": "1990-01-01",
    }


def _read(side: Side) -> dict[str, Any]:
    return {
        "id": str(uuid7()),
        "case": str(side.waiting.pk),
        "condition": "NEV",
        "certainty": "certain",
        "management": "discharge",
        "ai_visible": False,
    }


def _outcome(side: Side) -> dict[str, Any]:
    return {
        "case": str(side.signed.pk),
        "condition": "BCC",
        "reported_on": "2026-01-02",
        "replaces": side.outcome.recorded_at.isoformat(),
    }


# A form that is sent empty comes back with its errors: the door was passed.
_FORM = (200, 302, 422)
ANYONE = Rule(EVERYONE)
_OWN_ACCOUNT = Rule(SIGNED_IN)
# Asked again before a risky change; 403 to those who have not this way of proving who they are.
_AGAIN = Rule(SIGNED_IN, passes=(200, 302, 403))

RULES: dict[str, dict[str, Rule]] = {
    # --- For load balancers ---------------------------------------------------------------------------
    "healthz": {"GET": ANYONE},
    "readyz": {"GET": Rule(EVERYONE, passes=(200, 503))},
    # Nobody's by signing in: it asks for a token of its own (tests/ops/test_metrics.py).
    "metrics": {"GET": Rule(EVERYONE, passes=(404,))},
    # --- Start, patients, cases -----------------------------------------------------------------------
    # Those without a role are told whom to ask for one.
    "home": {"GET": Rule(SIGNED_IN)},
    "own_settings": {"GET": _OWN_ACCOUNT, "POST": _OWN_ACCOUNT},
    "clinic_switch": {"POST": Rule(PEOPLE, body=lambda side: {"clinic": str(side.clinic.pk)}, refused=404)},
    "patient_list": {"GET": Rule(PEOPLE), "POST": Rule(PEOPLE, body=lambda side: {"q": "nova"})},
    "patient_pick": {"POST": Rule(PEOPLE, body=lambda side: {"q": "nova"})},
    "patient_new": {"GET": Rule(PEOPLE), "POST": Rule(PEOPLE, passes=_FORM)},
    "patient_detail": {"GET": Rule(PEOPLE, _arg("patient_id", "patient"))},
    "patient_edit": {
        "GET": Rule(PEOPLE, _arg("patient_id", "patient")),
        "POST": Rule(PEOPLE, _arg("patient_id", "patient"), passes=_FORM),
    },
    "patient_consent": {
        "POST": Rule(PEOPLE, _arg("patient_id", "patient"), lambda side: {"kind": "ai", "consent": "refused"})
    },
    "case_new": {
        "GET": Rule(PEOPLE),
        "POST": Rule(PEOPLE, body=lambda side: {"patient": str(side.patient.pk)}, passes=_FORM),
    },
    "case_change": {
        "GET": Rule(PEOPLE, _arg("case_id", "draft")),
        "POST": Rule(PEOPLE, _arg("case_id", "draft"), passes=_FORM),
    },
    "case_send": {"POST": Rule(PEOPLE, _arg("case_id", "waiting"))},
    "case_withdraw": {
        "GET": Rule(PEOPLE, _arg("case_id", "waiting")),
        "POST": Rule(PEOPLE, _arg("case_id", "waiting"), lambda side: {"reason": "Logged twice"}),
    },
    "case_restore": {"POST": Rule(PEOPLE, _arg("case_id", "withdrawn"))},
    "photo_kind": {"POST": Rule(PEOPLE, _arg("photo_id", "image"), lambda side: {"kind": "overview"})},
    # --- Worklist, reading ----------------------------------------------------------------------------
    "worklist": {"GET": Rule(PEOPLE)},
    "worklist_counts": {"GET": Rule(PEOPLE)},
    "worklist_next": {"GET": Rule(SIGNERS)},
    "case_detail": {"GET": Rule(PEOPLE, _arg("case_id", "signed"))},
    "case_opinion": {"GET": Rule(PEOPLE, _arg("case_id", "waiting"))},
    "case_similar": {"GET": Rule(PEOPLE, _arg("case_id", "waiting"))},
    "read_sign": {"POST": Rule(SIGNERS, _arg("case_id", "waiting"), passes=_FORM)},
    "worklist_save_view": {"POST": Rule(PEOPLE, body=lambda side: {"name": "Mine", "tab": "waiting"})},
    "worklist_delete_view": {"POST": Rule(PEOPLE, body=lambda side: {"name": "Mine"})},
    "clinic_policy": {"GET": Rule(RUNNERS), "POST": Rule(RUNNERS, passes=_FORM)},
    "ai_stop": {"POST": Rule(RUNNERS, body=lambda side: {"reason": "Odd results"})},
    "ai_start": {"POST": Rule(RUNNERS)},
    "read_first_opinion": {"POST": Rule(SIGNERS, _arg("case_id", "waiting"), passes=_FORM)},
    "read_draft": {"POST": Rule(SIGNERS, _arg("case_id", "waiting"))},
    "read_undo": {"POST": Rule(SIGNERS, _arg("read_id", "read"))},
    "case_arrive": {"POST": Rule(SIGNERS, _arg("case_id", "waiting"))},
    "case_reserve": {"POST": Rule(SIGNERS, _arg("case_id", "waiting"))},
    "photos_wanted": {"POST": Rule(SIGNERS, _arg("case_id", "waiting"))},
    "photos_not_wanted": {"POST": Rule(SIGNERS, _arg("case_id", "wanted"))},
    "outcome_record": {"POST": Rule(SIGNERS, _arg("case_id", "signed"), passes=_FORM)},
    # --- Reports ----------------------------------------------------------------------------------------
    "report_list": {"GET": Rule(PEOPLE)},
    "report_page": {"GET": Rule(PEOPLE, _arg("case_id", "signed"))},
    "report_file": {"GET": Rule(PEOPLE, _arg("case_id", "signed"))},
    "report_mark": {"POST": Rule(PEOPLE, _arg("case_id", "signed"), lambda side: {"how": "printed"})},
    # --- Notifications: one's own -----------------------------------------------------------------------
    "notification_list": {"GET": Rule(SIGNED_IN)},
    "notification_bell": {"GET": Rule(SIGNED_IN)},
    "notification_settings": {"GET": Rule(SIGNED_IN), "POST": Rule(SIGNED_IN)},
    "notifications_mark_all": {"POST": Rule(SIGNED_IN)},
    # The staff's own: nobody else in the clinic has this one, either.
    "notification_open": {"GET": Rule((STAFF,), _arg("notification_id", "notification"), refused=404)},
    "notification_mark": {"POST": Rule((STAFF,), _arg("notification_id", "notification"), refused=404)},
    # --- Figures: a reader's own, a clinic's for those who run it ---------------------------------------
    # --- Practice: readers, each their own; leads choose the cases ----------------------------------------
    "practice": {"GET": Rule(SIGNERS)},
    "practice_next": {"GET": Rule(SIGNERS)},
    "practice_case": {
        "GET": Rule(SIGNERS, _arg("practice_id", "practice")),
        "POST": Rule(SIGNERS, _arg("practice_id", "practice"), passes=_FORM),
    },
    "practice_picture": {"GET": Rule(SIGNERS, _arg("practice_id", "practice"))},
    "practice_manage": {"GET": Rule((LEAD,))},
    "practice_draw": {"POST": Rule((LEAD,))},
    "practice_add": {"POST": Rule((LEAD,), _arg("case_id", "signed"))},
    "practice_retire": {"POST": Rule((LEAD,), _arg("practice_id", "practice"))},
    "figures": {"GET": Rule((DOCTOR, *RUNNERS))},
    "figure_csv": {"GET": Rule((DOCTOR, *RUNNERS), lambda side: {"key": "turnaround"}, shared=True)},
    "figure_cases": {"GET": Rule((DOCTOR, *RUNNERS), lambda side: {"key": "confusion"}, shared=True)},
    # --- Photos ---------------------------------------------------------------------------------------
    "photo_upload": {"POST": Rule(PEOPLE, _arg("case_id", "waiting"), _file)},
    "photo_original": {"GET": Rule(PEOPLE, _arg("photo_id", "image"))},
    "photo_upright": {"GET": Rule(PEOPLE, _arg("photo_id", "image"))},
    "photo_thumbnail": {"GET": Rule(PEOPLE, _arg("photo_id", "image"))},
    "photo_scale": {
        "POST": Rule(PEOPLE, _arg("photo_id", "image"), lambda side: {"pixels": "40", "millimetres": "10"})
    },
    "photo_remove": {"POST": Rule(PEOPLE, _arg("photo_id", "image"))},
    "photo_restore": {"POST": Rule(PEOPLE, _arg("photo_id", "removed"))},
    "heatmap": {"GET": Rule(PEOPLE, _arg("prediction_id", "prediction"))},
    "prediction_retry": {"POST": Rule(PEOPLE, _arg("prediction_id", "failed"))},
    # --- Models: no clinic owns them ------------------------------------------------------------------
    "model_list": {"GET": Rule((*RUNNERS, OPERATOR))},
    "model_detail": {"GET": Rule((*RUNNERS, OPERATOR), _arg("model_id", "candidate"), shared=True)},
    # Its bundle is a made-up one, which holds no picture: 404 says that the door was passed.
    "model_plot": {
        "GET": Rule(
            (*RUNNERS, OPERATOR), lambda side: {"model_id": side.model.pk, "name": "roc"}, shared=True, passes=(404,)
        )
    },
    "model_compare": {"POST": Rule((*RUNNERS, OPERATOR), _arg("model_id", "candidate"), shared=True)},
    "comparison_detail": {"GET": Rule((*RUNNERS, OPERATOR), _arg("comparison_id", "comparison"), shared=True)},
    "comparison_cancel": {"POST": Rule((*RUNNERS, OPERATOR), _arg("comparison_id", "comparison"), shared=True)},
    # There are two clinics in this world, and one model for both: who leads one of them decides nothing.
    "model_promote": {
        "GET": Rule((OPERATOR,), _arg("model_id", "candidate"), shared=True),
        "POST": Rule((OPERATOR,), _arg("model_id", "candidate"), shared=True, passes=_FORM),
    },
    "models_rollback": {"GET": Rule((OPERATOR,)), "POST": Rule((OPERATOR,), passes=_FORM)},
    "model_shadow": {"POST": Rule((OPERATOR,), _arg("model_id", "candidate"), shared=True)},
    "comparison_waive": {"POST": Rule((OPERATOR,), _arg("comparison_id", "comparison"), shared=True)},
    # --- Training: the operator sees what no clinic's cases are in --------------------------------------------
    "training_list": {"GET": Rule((*RUNNERS, OPERATOR))},
    "training_new": {"GET": Rule((*RUNNERS, OPERATOR)), "POST": Rule((*RUNNERS, OPERATOR), passes=_FORM)},
    "training_run": {"GET": Rule(RUNNERS, _arg("run_id", "training_run"), refused=403)},
    "training_cancel": {"POST": Rule(RUNNERS, _arg("run_id", "training_run"))},
    "training_again": {"POST": Rule(RUNNERS, _arg("run_id", "training_run"))},
    # --- Signed cases scored again: a clinic's leads, about its cases -----------------------------------
    "rescored_newest": {"GET": Rule((LEAD,))},
    "rescored_cases": {"GET": Rule((LEAD,), _arg("model_id", "candidate"), shared=True)},
    "rescored_progress": {"GET": Rule((LEAD,), _arg("model_id", "candidate"), shared=True)},
    "rescored_start": {"POST": Rule((LEAD,), _arg("model_id", "candidate"), shared=True)},
    "rescored_cancel": {"POST": Rule((LEAD,), _arg("model_id", "candidate"), shared=True)},
    "rescored_look": {"POST": Rule((LEAD,), lambda side: {"model_id": side.candidate.pk, "case_id": side.signed.pk})},
    # --- REST API -------------------------------------------------------------------------------------
    "api-root": {"GET": _api(SIGNED_IN)},
    "api-me": {"GET": _api(SIGNED_IN)},
    "api-schema": {"GET": _api(SIGNED_IN)},
    "api-docs": {"GET": _api(SIGNED_IN)},
    "api-patient-list": {"GET": _api(PEOPLE), "POST": _api(PEOPLE, body=_patient)},
    "api-patient-search": {"POST": _api(PEOPLE, body=lambda side: {"text": "a"})},
    "api-patient-detail": {
        "GET": _api(PEOPLE, _pk("patient")),
        "PATCH": _api(PEOPLE, _pk("patient"), lambda side: {"given_name": "Changed"}),
    },
    "api-lesion-list": {
        "GET": _api(PEOPLE),
        "POST": _api(PEOPLE, body=lambda side: {"patient": str(side.patient.pk), "body_site": "back"}),
    },
    "api-lesion-detail": {
        "GET": _api(PEOPLE, _pk("lesion")),
        "PATCH": _api(PEOPLE, _pk("lesion"), lambda side: {"note": "Changed"}),
    },
    "api-case-list": {
        "GET": _api(PEOPLE),
        "POST": _api(PEOPLE, body=lambda side: {"lesion": str(side.lesion.pk)}),
    },
    "api-case-detail": {
        "GET": _api(PEOPLE, _pk("waiting")),
        "PATCH": _api(PEOPLE, _pk("waiting"), lambda side: {"itch": "yes"}),
    },
    "api-case-send": {"POST": _api(PEOPLE, _pk("waiting"))},
    "api-case-withdraw": {"POST": _api(PEOPLE, _pk("waiting"), lambda side: {"reason": "Logged twice"})},
    "api-case-restore": {"POST": _api(PEOPLE, _pk("withdrawn"))},
    "api-case-photos-wanted": {
        "GET": _api(PEOPLE, _pk("wanted")),
        "POST": _api(SIGNERS, _pk("waiting"), lambda side: {"faults": ["blurred"]}),
    },
    "api-case-report": {"GET": _api(PEOPLE, _pk("signed"))},
    "api-image-list": {
        "GET": _api(PEOPLE),
        "POST": Rule(PEOPLE, body=lambda side: {**_file(side), "case": str(side.waiting.pk)}, passes=(201,)),
    },
    "api-image-detail": {"GET": _api(PEOPLE, _pk("image"))},
    "api-image-original": {"GET": _api(PEOPLE, _pk("image"))},
    "api-image-upright": {"GET": _api(PEOPLE, _pk("image"))},
    "api-image-thumbnail": {"GET": _api(PEOPLE, _pk("image"))},
    "api-image-remove": {"POST": _api(PEOPLE, _pk("image"))},
    "api-image-restore": {"POST": _api(PEOPLE, _pk("removed"))},
    "api-prediction-list": {"GET": _api(PEOPLE)},
    "api-prediction-detail": {"GET": _api(PEOPLE, _pk("prediction"))},
    "api-prediction-heatmap": {"GET": _api(PEOPLE, _pk("prediction"))},
    "api-prediction-retry": {"POST": _api(PEOPLE, _pk("failed"))},
    "api-read-list": {"GET": _api(PEOPLE), "POST": _api(SIGNERS, body=_read)},
    "api-read-detail": {"GET": _api(PEOPLE, _pk("read"))},
    "api-outcome-list": {"GET": _api(PEOPLE), "POST": _api(SIGNERS, body=_outcome)},
    "api-outcome-detail": {"GET": _api(PEOPLE, _pk("outcome"))},
    "api-condition-list": {"GET": _api(PEOPLE)},
    "api-condition-detail": {"GET": _api(PEOPLE, lambda side: {"pk": "NEV"}, shared=True)},
    "api-model-list": {"GET": _api((*PEOPLE, OPERATOR))},
    "api-model-detail": {"GET": _api((*PEOPLE, OPERATOR), _pk("model"), shared=True)},
    # Its bundle is a made-up one: 409 says that the door was passed.
    "api-model-promote": {
        "POST": _api((OPERATOR,), _pk("candidate"), lambda side: {"reason": "Better"}, shared=True, passes=(200, 409))
    },
    # --- One's own account (allauth) ------------------------------------------------------------------
    "account_login": {"GET": ANYONE, "POST": ANYONE},
    "account_logout": {"GET": ANYONE, "POST": ANYONE},
    "account_inactive": {"GET": ANYONE},
    "account_signup": {"GET": ANYONE, "POST": ANYONE},  # says that it is closed; tested in tests/accounts
    "account_reauthenticate": {"GET": _AGAIN, "POST": _AGAIN},
    "account_email": {"GET": _OWN_ACCOUNT, "POST": _OWN_ACCOUNT},
    "account_email_verification_sent": {"GET": ANYONE},
    "account_change_password": {"GET": _OWN_ACCOUNT, "POST": _OWN_ACCOUNT},
    "account_set_password": {"GET": _OWN_ACCOUNT, "POST": _OWN_ACCOUNT},
    "account_reset_password": {"GET": ANYONE, "POST": ANYONE},
    "account_confirm_login_code": {"GET": ANYONE, "POST": ANYONE},
    "account_confirm_email": {
        "GET": Rule(EVERYONE, lambda side: {"key": "none"}, shared=True),
        "POST": Rule(EVERYONE, lambda side: {"key": "none"}, shared=True, passes=(404,)),
    },
    "account_reset_password_from_key_done": {"GET": ANYONE},
    "account_reset_password_from_key": {
        "GET": Rule(EVERYONE, lambda side: {"uidb36": "0", "key": "none"}, shared=True),
        "POST": Rule(EVERYONE, lambda side: {"uidb36": "0", "key": "none"}, shared=True),
    },
    "account_reset_password_done": {"GET": ANYONE},
    "mfa_index": {"GET": _OWN_ACCOUNT},
    "mfa_authenticate": {"GET": ANYONE, "POST": ANYONE},
    "mfa_reauthenticate": {"GET": _AGAIN, "POST": _AGAIN},
    "mfa_activate_totp": {"GET": _OWN_ACCOUNT, "POST": _OWN_ACCOUNT},
    "mfa_deactivate_totp": {"GET": Rule(SIGNED_IN, passes=(302, 404)), "POST": Rule(SIGNED_IN, passes=(302, 404))},
    "mfa_view_recovery_codes": {"GET": Rule(SIGNED_IN, passes=(200, 302, 404))},
    "mfa_generate_recovery_codes": {"GET": _OWN_ACCOUNT, "POST": _OWN_ACCOUNT},
    "mfa_download_recovery_codes": {"GET": Rule(SIGNED_IN, passes=(200, 302, 404))},
    # --- The admin's own doors ------------------------------------------------------------------------
    "admin:index": {"GET": Rule((*RUNNERS, OPERATOR)), "POST": Rule((*RUNNERS, OPERATOR))},
    "admin:login": {"GET": Rule((*RUNNERS, OPERATOR)), "POST": Rule((*RUNNERS, OPERATOR))},
    "admin:logout": {"POST": Rule((*RUNNERS, OPERATOR, STRANGER))},
    "admin:password_change": {"GET": Rule((*RUNNERS, OPERATOR)), "POST": Rule((*RUNNERS, OPERATOR))},
    "admin:password_change_done": {"GET": Rule((*RUNNERS, OPERATOR))},
    # Without naming a field there is nothing to complete; tests/admin asks it for real.
    "admin:autocomplete": {"GET": Rule((), refused=403)},
    "admin:jsi18n": {"GET": Rule((*RUNNERS, OPERATOR))},
    # No record has a page of its own there, so this is a dead end for all.
    "admin:view_on_site": {
        method: Rule(
            (*RUNNERS, OPERATOR),
            lambda side: {"content_type_id": 1, "object_id": side.patient.pk},
            shared=True,
            passes=(404,),
        )
        for method in ("GET", "POST")
    },
    "admin:app_list": {
        "GET": Rule((*RUNNERS, OPERATOR), lambda side: {"app_label": "cases"}, shared=True),
        "POST": Rule((*RUNNERS, OPERATOR), lambda side: {"app_label": "cases"}, shared=True),
    },
    "admin:accounts_user_first_password": {
        "GET": Rule((ADMIN, OPERATOR), lambda side: {"object_id": side.cast.staff.pk}, sees_all=(OPERATOR,)),
        "POST": Rule((ADMIN, OPERATOR), lambda side: {"object_id": side.cast.staff.pk}, sees_all=(OPERATOR,)),
    },
}


@dataclass(frozen=True)
class AdminRule:
    """Who may do what with a model's rows in the admin pages; `record` finds a side's row."""

    record: Callable[[Side], Any]
    view: tuple[str, ...]
    change: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    shared: bool = False


_RUN, _MANAGE, _OPERATE = (*RUNNERS, OPERATOR), (ADMIN, OPERATOR), (OPERATOR,)

ADMIN_RULES: dict[str, AdminRule] = {
    "account_emailaddress": AdminRule(lambda side: side.address, _OPERATE, _OPERATE, _OPERATE),
    "mfa_authenticator": AdminRule(lambda side: side.second_factor, _OPERATE, delete=_OPERATE),
    "auditlog_logentry": AdminRule(lambda side: side.audit, _OPERATE),
    "accounts_clinic": AdminRule(lambda side: side.clinic, _MANAGE, _MANAGE, _OPERATE),
    "accounts_user": AdminRule(lambda side: side.cast.staff, _MANAGE, _MANAGE, _MANAGE),
    "accounts_membership": AdminRule(lambda side: side.membership, _MANAGE, _MANAGE, _MANAGE, _MANAGE),
    "accounts_apitoken": AdminRule(lambda side: side.token, _MANAGE, (), _MANAGE, _MANAGE),
    "inference_modelversion": AdminRule(lambda side: side.model, _RUN, shared=True),
    "inference_comparison": AdminRule(lambda side: side.comparison, _RUN, shared=True),
    "inference_activation": AdminRule(lambda side: side.activation, _RUN, shared=True),
    "cases_patient": AdminRule(lambda side: side.patient, _RUN, _RUN),
    "cases_lesion": AdminRule(lambda side: side.lesion, _RUN, _RUN),
    "cases_case": AdminRule(lambda side: side.waiting, _RUN, _RUN),
    "cases_lesionimage": AdminRule(lambda side: side.image, _RUN),
    "cases_prediction": AdminRule(lambda side: side.prediction, _RUN),
    "cases_read": AdminRule(lambda side: side.read, _RUN),
    "cases_outcome": AdminRule(lambda side: side.outcome, _RUN),
    "cases_condition": AdminRule(lambda side: side.condition, _RUN, _OPERATE, _OPERATE, shared=True),
}


def _expanded() -> dict[str, dict[str, Rule]]:
    """The admin's addresses of each model: list, form, history, deletion."""
    rules: dict[str, dict[str, Rule]] = {}
    for model, rule in ADMIN_RULES.items():

        def of(side: Side, rule: AdminRule = rule) -> dict[str, Any]:
            return {"object_id": rule.record(side).pk}

        def on(who: tuple[str, ...], body: Any = None, of: Any = of, rule: AdminRule = rule) -> Rule:
            return Rule(who, of, body, sees_all=(OPERATOR,), shared=rule.shared)

        name = f"admin:{model}"
        rules[f"{name}_changelist"] = {
            "GET": Rule(rule.view),
            "POST": Rule(rule.view, body=lambda side: {"search": "novak"}),
        }
        rules[f"{name}_add"] = {"GET": Rule(rule.add), "POST": Rule(rule.add)}
        rules[f"{name}_change"] = {"GET": on(rule.view), "POST": on(rule.change)}
        rules[f"{name}_history"] = {"GET": on(rule.view), "POST": on(rule.view)}
        rules[f"{name}_auditlog"] = rules[f"{name}_history"]
        rules[f"{name}_delete"] = {"GET": on(rule.delete), "POST": on(rule.delete, lambda side: {"post": "yes"})}
    return rules


ALL_RULES = {**RULES, **_expanded()}
