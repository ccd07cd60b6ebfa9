"""`manage.py models`: the registry from the command line."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from cases.models import Rescoring
from inference import registry
from inference.models import Activation, Comparison, ModelVersion
from tests.inference import small_bundle
from tests.inference.registered import WORSE, compared, every_bundle_loads, version
from tests.training import drawn

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_models(monkeypatch) -> tuple[ModelVersion, ModelVersion]:
    every_bundle_loads(monkeypatch)
    return version("first", "active"), version("second")


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


def test_promotes_through_the_gate_and_rolls_back(two_models):
    first, second = two_models
    Activation.objects.create(model_version=first, reason="Shipped", by="seed")
    with pytest.raises(CommandError, match=r"(?s)not compared.*models compare second --data DIR"):
        run("promote", "second", "--reason", "Better")
    compared(second, first)
    run("promote", "second", "--reason", "Better")
    assert registry.active() == second
    logged = Activation.objects.latest("at")
    assert (logged.reason, logged.override_reason) == ("Better", "")
    assert "command line" in logged.by
    run("rollback")
    assert registry.active() == first


def test_force_needs_a_reason_and_is_logged(two_models):
    first, second = two_models
    compared(second, first, WORSE)
    with pytest.raises(CommandError, match="needs a --reason"):
        run("promote", "second", "--force")
    run("promote", "second", "--force", "--reason", "The active one fails on dark skin")
    assert Activation.objects.latest("at").override_reason == "The active one fails on dark skin"


def test_sets_and_ends_the_shadow(two_models):
    run("shadow", "second", "--reason", "Try it out")
    assert registry.shadow() == two_models[1]
    run("shadow", "second", "--off")
    assert registry.shadow() is None


def test_says_what_cannot_be():
    with pytest.raises(CommandError, match="no model called third"):
        run("promote", "third")
    with pytest.raises(CommandError, match="no earlier model"):
        run("rollback")
    with pytest.raises(CommandError, match="cannot be compared with itself"):
        run("compare", "first", "--data", "nowhere", "--split", "val")
    with pytest.raises(CommandError, match="There is no data set in nowhere"):
        run("compare", "second", "--data", "nowhere", "--split", "val")
    with pytest.raises(CommandError):
        run()


def test_compares_two_models_on_the_same_photos(tmp_path, settings):
    settings.BUNDLE_ROOT = tmp_path / "bundles"
    for number in (1, 2):
        registry.register(small_bundle.write(tmp_path / str(number), seed=number, name=f"small-{number}"))
    data = drawn.folder(tmp_path / "data", {"NEV": 4, "MEL": 4, "tinea": 2})

    said = run(
        "compare", "small-2", "--with", "small-1", "--data", str(data), "--split", "val", "--json", str(tmp_path / "c")
    )

    assert "8 photos of 8 patients, 4 of them malignant" in said
    assert "Malignant sensitivity" in said
    assert "Left out, because one of the models does not know the class: TIN (2)" in said
    written = json.loads((tmp_path / "c").read_text())
    stored = Comparison.objects.get()
    assert (written["candidate"], written["baseline"], written["n"]) == ("small-2", "small-1", 8)
    assert written["manifest_sha256"] == stored.manifest_sha256
    assert written["figures"] == stored.figures["figures"]
    assert written["verdict"] in ("may_be_known", "worse")


def test_has_signed_cases_scored_by_clinic(alma, brno):
    said = run("rescore", "second", "--clinic", alma.clinic.name)
    assert f"{alma.clinic}: 0 of 0 photos" in said
    assert Rescoring.objects.get().clinic == alma.clinic
    assert "the workers go on" in run("rescore", "second")
    assert Rescoring.objects.filter(state="running").count() == 2
    said = run("rescore", "second", "--cancel")
    assert said.count("cancelled") == 2
    with pytest.raises(CommandError, match="no clinic called Nowhere"):
        run("rescore", "second", "--clinic", "Nowhere")
