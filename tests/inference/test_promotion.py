"""What lets a model take another's place."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.db import connection

from inference import registry
from inference.models import Activation, ModelVersion
from inference.registry import RegistryError
from tests.inference.comparisons import comparison


def version(name: str, state: str = "candidate") -> ModelVersion:
    return ModelVersion.objects.create(name=name, path=name, sha256=name.ljust(64, "0"), classes=["NEV"], state=state)


@pytest.fixture(autouse=True)
def _bundles_load(monkeypatch):
    monkeypatch.setattr("inference.registry.Bundle.load", lambda folder: SimpleNamespace())


@pytest.fixture
def old(db):
    return version("old", "active")


@pytest.fixture
def new(old):
    return version("new")


def active() -> str:
    return ModelVersion.objects.get(state="active").name


def promote(name: str = "new", **changes):
    return registry.promote(name, **{"reason": "Better", "by": "lead", **changes})


def test_the_first_model_needs_no_comparison(db):
    version("first")
    promote("first")
    assert active() == "first"


def test_a_favourable_comparison_promotes_and_is_logged(old, new):
    found = comparison(new, old)
    promote()
    assert active() == "new"
    logged = Activation.objects.get()
    assert (logged.comparison, logged.replaced, logged.reason) == (found, old, "Better")


def test_one_that_finds_as_many_cancers_is_not_worse(old, new):
    comparison(new, old, candidate_finds=0.9)
    promote()
    assert active() == "new"


@pytest.mark.parametrize("reason", ["", "   "])
def test_without_a_reason_nothing_changes(old, new, reason):
    comparison(new, old)
    with pytest.raises(RegistryError, match="Say why"):
        promote(reason=reason)
    assert active() == "old"


def test_without_a_comparison_nothing_changes(old, new):
    with pytest.raises(RegistryError, match="was not compared with old, which is active"):
        promote()
    assert active() == "old"
    assert not Activation.objects.exists()


def test_a_comparison_with_another_model_does_not_count(old, new):
    comparison(new, version("older", "retired"))
    with pytest.raises(RegistryError, match="was not compared with old"):
        promote()


def test_a_model_that_misses_more_cancers_is_refused(old, new):
    comparison(new, old)
    comparison(new, old, candidate_finds=0.85)
    with pytest.raises(RegistryError, match=r"finds fewer cancers: 85\.0% of 60 where old finds 90\.0%"):
        promote()
    assert active() == "old"


def test_too_few_cancers_say_nothing(old, new):
    comparison(new, old, candidate_finds=1.0, malignant=29)
    with pytest.raises(RegistryError, match="Too few to say"):
        promote()


def test_whoever_goes_without_says_so_in_the_log(old, new):
    promote(uncompared=True)
    assert active() == "new"
    assert Activation.objects.get().reason == "Without a comparison: Better"


def test_rolling_back_and_forth_asks_for_no_further_comparison(old, new):
    comparison(new, old)
    promote()
    registry.rollback(reason="Odd heat maps", by="lead")
    assert active() == "old"
    promote()
    assert active() == "new"
    assert Activation.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_two_who_promote_at_once_leave_one_active_model_and_a_true_log():
    old = version("old", "active")
    for name in ("left", "right"):
        comparison(version(name), old)

    def carry_out(name: str) -> str:
        try:
            promote(name)
        except RegistryError as refusal:
            return str(refusal)
        finally:
            connection.close()
        return "promoted"

    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(carry_out, ("left", "right")))
    # The one who came second was compared with a model that is active no more.
    assert said.count("promoted") == 1
    assert any("was not compared with" in each for each in said)
    assert Activation.objects.count() == 1
    assert active() == Activation.objects.get().model_version.name
