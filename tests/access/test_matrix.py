"""The access matrix: every address and method x every role x own and foreign clinic, against one rule table.

Doors are enumerated from the URL configuration, so a new one without a rule fails here. Each is knocked at for real;
what a request changes is rolled back.
"""

import re
from collections.abc import Iterator

import pytest
from django.utils import timezone

from cases.models import LesionImage, Prediction
from cases.worklist import today
from inference.models import ModelVersion
from tests.access import rules
from tests.access.doors import DOORS, World, knock, open_world, outcome, text
from tests.access.rules import ALL_RULES, EVERYONE, OPERATOR, PEOPLE, STRANGER, Rule

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
WHERE = "Add it to RULES (or a model to ADMIN_RULES) in tests/access/rules.py."


# --- The doors ----------------------------------------------------------------------------------------
def test_every_door_has_a_rule_and_every_rule_a_door():
    assert "" not in DOORS, f"An address without a name cannot have a rule: {DOORS.get('')}"
    without = sorted(set(DOORS) - set(ALL_RULES))
    assert not without, f"No rule says who may pass {without}. {WHERE}"
    optional = {name for name in ALL_RULES if name.endswith(("_auditlog",))}
    stale = sorted(set(ALL_RULES) - set(DOORS) - optional)
    assert not stale, f"These rules are for addresses that are gone: {stale}. Remove them from tests/access/rules.py."


def test_every_action_of_the_api_has_a_rule():
    for name, pattern in DOORS.items():
        for method in getattr(pattern.callback, "actions", None) or {}:
            if method.upper() != "HEAD":
                assert method.upper() in ALL_RULES.get(name, {}), f"No rule for {method.upper()} {name}. {WHERE}"


# --- The world ----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def shared_world(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[World]:
    """Made once for all doors."""
    with django_db_blocker.unblock(), open_world(tmp_path_factory.mktemp("media")) as world:
        yield world


@pytest.fixture
def world(shared_world, settings, db) -> World:
    settings.MEDIA_ROOT = shared_world.media
    settings.API_REQUESTS_PER_MINUTE = 10_000_000
    settings.ACCOUNT_RATE_LIMITS = False
    return shared_world


def refusals(name: str, role: str, rule: Rule) -> set[int | str]:
    if role == STRANGER:
        # A page sends strangers to the sign-in, a form there and back to the start; the API says 401.
        return {401} if name.startswith("api-") else {"login"}
    # To those without a role in any clinic every record is a foreign one.
    return {rule.refused, 404} if rule.of and role not in PEOPLE else {rule.refused}


CASES = [(name, method) for name, by_method in ALL_RULES.items() for method in by_method if name in DOORS]


@pytest.mark.parametrize(("name", "method"), CASES, ids=[f"{method} {name}" for name, method in CASES])
def test_door(world, name, method):
    rule = ALL_RULES[name][method]
    for role in EVERYONE:
        answer = knock(world, name, method, rule, role, world.own)
        got = outcome(answer)
        if role in rule.who:
            assert got in rule.passes, f"{role} should pass {method} {name} but got {got}: {text(answer)[:300]}"
        else:
            assert got in refusals(name, role, rule), f"{role} should be refused at {method} {name} but got {got}"
        if role != OPERATOR:
            assert world.foreign.family_name not in text(answer), f"{role} read a foreign name at {method} {name}"


NAMING = [(name, method) for name, method in CASES if not ALL_RULES[name][method].shared]
NAMING = [(name, method) for name, method in NAMING if ALL_RULES[name][method].of or ALL_RULES[name][method].body]


@pytest.mark.parametrize(("name", "method"), NAMING, ids=[f"{method} {name}" for name, method in NAMING])
def test_a_foreign_record_is_as_good_as_none(world, name, method):
    """404 to everyone who would pass at home; and to all others nothing that an id that never was would not say."""
    rule = ALL_RULES[name][method]
    names_a_record = bool(rule.of) or _names_the_clinic(rule, world)
    if not names_a_record:
        return
    for role in EVERYONE:
        answer = knock(world, name, method, rule, role, world.foreign)
        got = outcome(answer)
        if role in rule.sees_all and role in rule.who:
            assert got in rule.passes, f"{role} should pass {method} {name} for every clinic but got {got}"
            continue
        if role in rule.who:
            assert got == 404, f"{role} got {got} for a foreign clinic's record at {method} {name}"
        else:
            assert got in refusals(name, role, rule) | {404}, f"{role} got {got} at {method} {name}"
        if rule.of and role in rule.who:
            never = outcome(knock(world, name, method, rule, role, world.own, unknown=True))
            assert got == never, f"{role} can tell a foreign record from none at {method} {name}: {got}, {never}"
        if role != OPERATOR:
            assert world.foreign.family_name not in text(answer), f"{role} read a foreign name at {method} {name}"


def _names_the_clinic(rule: Rule, world: World) -> bool:
    """Whether what is sent differs between the two clinics, in more than a fresh id or a file."""
    if rule.body is None:
        return False
    own, foreign = rule.body(world.own), rule.body(world.foreign)
    return any(own[key] != foreign[key] for key in own if key not in ("id", "file"))


PLAIN = [name for name in DOORS if not name.startswith(("admin:", "account_", "mfa_"))]


@pytest.mark.parametrize("name", PLAIN)
def test_a_method_without_a_rule_is_not_allowed(world, name):
    known = ALL_RULES.get(name, {})
    some = next(iter(known.values()), None)
    for method in METHODS:
        if method in known:
            continue
        for role in (rules.ADMIN, rules.DOCTOR):
            door = Rule(EVERYONE, some.of) if some else None
            got = outcome(knock(world, name, method, door, role, world.own))
            assert got in (405, 403), f"{method} {name} answers {role} with {got} and has no rule. {WHERE}"


def test_the_ids_in_addresses_say_nothing(world):
    """Every record's id in an address is a UUID, never a row number that could be counted up."""
    for name, pattern in DOORS.items():
        if name.startswith(("admin:", "account_", "mfa_")):
            continue
        for argument, converter in pattern.pattern.converters.items():
            codes = {
                ("api-condition-detail", "pk"),
                ("model_plot", "name"),
                ("figure_csv", "key"),
                ("figure_cases", "key"),
            }
            is_code = (name, argument) in codes
            assert is_code or type(converter).__name__ == "UUIDConverter", f"{name} takes {argument} as {converter}"


# One's own account; and what is about models: leads may see there what a shadow said, in counts or of signed cases.
NOT_LOOKED_AT = (
    "readyz",  # asks the broker; tests/cases/test_silent.py asks its part about predictions
    "api-schema",  # the same for everyone
    "account_",
    "mfa_",
    "model_",
    "models_",
    "comparison_",
    "rescored_",
    "training",
    "api-model",
    "admin:inference",
)
# What differs from one answer to the next by itself: tokens, fresh ids, clocks, the room on the disk.
PASSING = re.compile(
    r"[A-Za-z0-9]{64}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|[0-9a-f]{32}"
    r"|\d\d:\d\d(:\d\d)?|\d{16}"
    r"|\bnow\b|(\ba|[\d.]+)( |\xa0)(minutes?|seconds?)( |\xa0)ago\b|[\d.]+( |\xa0)(ms|s|seconds?|[MG]B)\b"
)
LOOKED_AT = [name for name in DOORS if "GET" in ALL_RULES.get(name, {}) and not name.startswith(NOT_LOOKED_AT)]


@pytest.mark.one_pair
def test_a_silent_opinion_changes_nothing_that_anyone_sees(world, monkeypatch):
    """Every page, list and file reads the same with and without the shadow's opinions, whoever looks."""
    # Both rounds at one moment: some pages say how long the oldest case has waited, and a minute may pass between.
    moment = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: moment)
    # What tests beside this one leave in a shared broker: a worker that was there in one round and not in the other.
    monkeypatch.setattr(today, "_heartbeat", lambda: None)

    def seen() -> dict[tuple[str, str], tuple[int | str, str]]:
        answers = {}
        for name in LOOKED_AT:
            rule = ALL_RULES[name]["GET"]
            for role in {rules.DOCTOR, OPERATOR if name.startswith("admin:") else rules.LEAD} & set(rule.who):
                answer = knock(world, name, "GET", rule, role, world.own)
                answers[name, role] = (outcome(answer), PASSING.sub("·", text(answer)))
        return answers

    shadow = ModelVersion.objects.create(name="hidden", path="no", sha256="9" * 64, classes=["NEV", "MEL"])
    before = seen()
    assert len(before) > 60
    for image in LesionImage.objects.all():
        Prediction.every.create(
            image=image,
            model_version=shadow,
            silent=True,
            state="done",
            finished_at=timezone.now(),
            probabilities=[["MEL", 0.97], ["NEV", 0.03]],
            answer_set=["MEL"],
            malignant_probability=0.97,
            urgent=True,
            uncertain=True,
        )
    with_shadow = seen()
    # A lead's start page counts the signed cases that a newer model would flag, which is a lead's to know.
    flagged = ("home", rules.LEAD)
    assert "signed case that a newer model would flag" in with_shadow[flagged][1]
    assert {place for place, answer in before.items() if with_shadow[place] != answer} == {flagged}
