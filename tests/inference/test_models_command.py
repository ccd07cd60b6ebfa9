"""`manage.py models`: the registry from the command line."""

import io
import json
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from inference.models import Activation, ModelVersion
from tests.inference.comparisons import comparison


@pytest.fixture(autouse=True)
def _two_models(db, monkeypatch):
    monkeypatch.setattr("inference.registry.Bundle.load", lambda folder: SimpleNamespace())
    for name, state in (("first", "active"), ("second", "candidate")):
        ModelVersion.objects.create(
            name=name,
            path=name,
            sha256=name.ljust(64, "0"),
            classes=["NEV"],
            state=state,
            metrics={"accuracy": 0.71234},
        )


def run(*arguments: str) -> str:
    said = io.StringIO()
    call_command("models", *arguments, stdout=said)
    return said.getvalue()


def test_lists_states_and_figures():
    said = run("list")
    assert "first" in said
    assert "active" in said
    assert "0.712" in said
    assert {row["name"] for row in json.loads(run("list", "--json"))} == {"first", "second"}


def test_promotes_with_a_reason_and_rolls_back():
    with pytest.raises(CommandError, match="was not compared"):
        run("promote", "second", "--reason", "Better")
    comparison(*ModelVersion.objects.order_by("-name"))
    run("promote", "second", "--reason", "Better")
    assert ModelVersion.objects.get(state="active").name == "second"
    logged = Activation.objects.latest("at")
    assert logged.reason == "Better"
    assert "command line" in logged.by
    run("rollback")
    assert ModelVersion.objects.get(state="active").name == "first"


def test_says_what_cannot_be():
    with pytest.raises(CommandError, match="no model called third"):
        run("promote", "third")
    with pytest.raises(CommandError, match="no earlier model"):
        run("rollback")
    with pytest.raises(CommandError):
        run()
