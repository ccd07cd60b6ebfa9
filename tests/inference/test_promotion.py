"""The ways of a model version: through the gate, back again, and beside the active one as its shadow."""

import threading

import pytest
from django.db import IntegrityError, connection

from inference import promotion, registry
from inference.models import Activation, ActivationKind, Comparison, ModelState, ModelVersion
from inference.registry import RegistryError
from tests.inference import small_bundle
from tests.inference.registered import PASSES, TOO_FEW, WORSE, compared, every_bundle_loads, version

pytestmark = pytest.mark.django_db
WHO = {"reason": "Better on the test set", "by": "Dr. Ruth Okafor"}


@pytest.fixture(autouse=True)
def _bundles_load(monkeypatch):
    every_bundle_loads(monkeypatch)


@pytest.fixture
def first() -> ModelVersion:
    version("first")
    return promotion.promote("first", **WHO)


@pytest.fixture
def candidate(first) -> ModelVersion:
    return version("second")


def states() -> dict[str, str]:
    return dict(ModelVersion.objects.values_list("name", "state"))


# --- The gate --------------------------------------------------------------------------------------------------


def test_the_first_model_needs_no_comparison(first):
    assert states() == {"first": "active"}
    logged = Activation.objects.get()
    assert (logged.kind, logged.replaced, logged.comparison) == (ActivationKind.PROMOTED, None, None)


def test_without_a_comparison_nothing_takes_the_active_models_place(candidate):
    with pytest.raises(promotion.GateRefused, match="second was not compared with the active model first yet"):
        promotion.promote("second", **WHO)
    assert states() == {"first": "active", "second": "candidate"}


def test_a_candidate_that_is_not_worse_is_promoted_and_the_log_says_on_what_ground(first, candidate):
    comparison = compared(candidate, first, PASSES)
    promotion.promote("second", **WHO)
    assert states() == {"first": "retired", "second": "active"}
    logged = Activation.objects.latest("at")
    assert (logged.replaced, logged.comparison, logged.reason, logged.by) == (first, comparison, *WHO.values())
    assert (logged.override_reason, logged.override_by) == ("", "")


@pytest.mark.parametrize(
    ("sensitivity", "words"),
    [
        (WORSE, "finds fewer of the 120 malignant photos .* −1.0 points .*−4.0 to \\+2.0"),
        (TOO_FEW, "120 malignant photos are too few to say.* reaches 5 points or more below"),
        ((0.03, -0.05, 0.11), "too few to say"),
    ],
)
def test_the_gate_says_why_it_refuses(first, candidate, sensitivity, words):
    compared(candidate, first, sensitivity)
    with pytest.raises(promotion.GateRefused, match=words):
        promotion.promote("second", **WHO)


def test_the_margin_is_a_setting(first, candidate, settings):
    compared(candidate, first, TOO_FEW)
    settings.PROMOTION_SENSITIVITY_MARGIN = 0.1
    promotion.promote("second", **WHO)
    assert states()["second"] == "active"


def test_photos_that_the_candidate_learned_from_are_no_test(first, candidate):
    comparison = compared(candidate, first, PASSES, overlap=7)
    with pytest.raises(promotion.GateRefused, match="7 of the 300 photos of the test set were used to train"):
        promotion.promote("second", **WHO)
    with pytest.raises(RegistryError, match="too few"):
        promotion.waive(comparison, **WHO)


def test_a_test_set_without_a_malignant_photo_says_nothing(first, candidate):
    compared(candidate, first, PASSES, malignant_n=0)
    with pytest.raises(promotion.GateRefused, match="no malignant photo"):
        promotion.promote("second", **WHO)


def test_only_the_newest_comparison_with_the_present_active_model_counts(first, candidate):
    third = version("third")
    compared(candidate, third, PASSES)
    with pytest.raises(promotion.GateRefused, match="not compared"):
        promotion.promote("second", **WHO)
    compared(candidate, first, PASSES)
    compared(candidate, first, WORSE)
    with pytest.raises(promotion.GateRefused, match="fewer"):
        promotion.promote("second", **WHO)


def test_what_nobody_knows_to_be_held_out_needs_an_admins_word(first, candidate):
    comparison = compared(candidate, first, PASSES, overlap=None)
    assert promotion.judge(comparison).verdict == promotion.Verdict.MAY_BE_KNOWN
    with pytest.raises(promotion.GateRefused, match=r"not known whether the candidate learned from these .* not worse"):
        promotion.promote("second", **WHO)
    promotion.waive(comparison, reason="These are of last week", by="Alex Winter")
    promotion.promote("second", **WHO)
    assert Activation.objects.latest("at").override_by == "Alex Winter"


def test_worse_on_photos_that_may_flatter_it_is_worse(first, candidate):
    comparison = compared(candidate, first, WORSE, overlap=None)
    assert promotion.judge(comparison).verdict == promotion.Verdict.WORSE
    with pytest.raises(RegistryError, match="Only a comparison on too few cases"):
        promotion.waive(comparison, **WHO)


def test_a_lost_comparison_is_not_undone_by_another_test_set(first, candidate):
    lost = compared(candidate, first, WORSE, data="photos, test", manifest_sha256="a" * 64)
    compared(candidate, first, PASSES, data="photos, val", manifest_sha256="b" * 64)
    with pytest.raises(promotion.GateRefused, match=r"finds fewer .* That was on photos, test, and"):
        promotion.promote("second", **WHO)
    compared(candidate, first, TOO_FEW, manifest_sha256="b" * 64)
    assert promotion.decisive(candidate, first) == lost
    listed, decisive = promotion.newest_and_decisive(candidate, first, 1)
    assert ([each.manifest_sha256[0] for each in listed], decisive) == (["b"], lost)


def test_of_one_test_set_the_newest_comparison_counts(first, candidate):
    compared(candidate, first, WORSE)
    newest = compared(candidate, first, PASSES)
    assert promotion.decisive(candidate, first) == newest
    assert promotion.newest_and_decisive(candidate, first, 8)[1] == newest
    promotion.promote("second", **WHO)


def test_an_admins_waiver_lets_too_few_through_and_is_logged(first, candidate):
    comparison = compared(candidate, first, TOO_FEW)
    promotion.waive(comparison, reason="Two hundred shadowed cases agree", by="Alex Winter")
    promotion.promote("second", **WHO)
    logged = Activation.objects.latest("at")
    assert (logged.override_reason, logged.override_by) == ("Two hundred shadowed cases agree", "Alex Winter")
    assert logged.by == WHO["by"]


def test_a_candidate_that_is_worse_cannot_be_waived(first, candidate):
    comparison = compared(candidate, first, WORSE)
    with pytest.raises(RegistryError, match="Only a comparison on too few cases"):
        promotion.waive(comparison, **WHO)


def test_the_operator_may_force_it_and_the_log_says_so(first, candidate):
    compared(candidate, first, WORSE)
    promotion.promote("second", force=True, **WHO)
    logged = Activation.objects.latest("at")
    assert (logged.override_reason, logged.override_by) == (WHO["reason"], WHO["by"])


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_every_change_takes_a_reason(first, candidate, reason):
    comparison = compared(candidate, first, TOO_FEW)
    for change in (
        lambda: promotion.promote("second", reason=reason, by="Somebody", force=True),
        lambda: promotion.rollback(reason=reason, by="Somebody"),
        lambda: promotion.set_shadow("second", reason=reason, by="Somebody"),
        lambda: promotion.waive(comparison, reason=reason, by="Somebody"),
    ):
        with pytest.raises(RegistryError, match="Say why"):
            change()
    assert Activation.objects.count() == 1


def test_a_model_that_does_not_load_is_not_promoted(first, monkeypatch):
    monkeypatch.undo()
    compared(version("second"), first)
    with pytest.raises(RegistryError, match="second cannot be used: There is no model bundle"):
        promotion.promote("second", **WHO)
    with pytest.raises(RegistryError, match="no model called third"):
        promotion.promote("third", **WHO)


def test_a_promotion_takes_effect_in_a_running_worker(first, settings, tmp_path, monkeypatch):
    """A worker asks which version is active at each prediction, and keeps what it has loaded."""
    monkeypatch.undo()
    settings.BUNDLE_ROOT = tmp_path / "bundles"
    for number in (1, 2):
        registry.register(small_bundle.write(tmp_path / str(number), seed=number, name=f"small-{number}"))
        promotion.promote(f"small-{number}", force=True, **WHO)
        assert registry.engine(registry.active()).bundle.name == f"small-{number}"
    kept = registry.engine(registry.active())
    assert registry.engine(registry.active()) is kept
    promotion.rollback(**WHO)
    assert registry.engine(registry.active()).bundle.name == "small-1"


def test_a_worker_keeps_the_engines_of_the_active_model_and_the_shadow_alone(first, settings, tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(registry, "_engines", {})
    settings.BUNDLE_ROOT = tmp_path / "bundles"
    versions = [
        registry.register(small_bundle.write(tmp_path / str(number), seed=number, name=f"small-{number}"))
        for number in range(4)
    ]
    promotion.promote("small-0", force=True, **WHO)
    ModelVersion.objects.filter(name="small-1").update(state=ModelState.SHADOW)

    def loaded() -> set[str]:
        return {engine.bundle.name for engine in registry._engines.values()}

    active, shadow, third = (registry.engine(version) for version in versions[:3])
    assert loaded() == {"small-0", "small-1", "small-2"}
    registry.engine(versions[3])  # as when old cases are scored again
    assert loaded() == {"small-0", "small-1", "small-3"}
    registry.let_go()
    assert loaded() == {"small-0", "small-1"}
    assert (registry.engine(versions[0]), registry.engine(versions[1])) == (active, shadow)
    assert registry.engine(versions[2]) is not third
    promotion.promote("small-3", force=True, **WHO)
    registry.engine(registry.active())
    assert loaded() == {"small-1", "small-3"}


# --- Back ------------------------------------------------------------------------------------------------------


def promote_all(*names: str) -> None:
    for name in names:
        if not ModelVersion.objects.filter(name=name).exists():
            version(name)
        promotion.promote(name, force=True, **WHO)


def test_rollbacks_go_back_step_by_step_and_never_forth(first):
    promote_all("second", "third")
    for expected in ("second", "first"):
        assert promotion.before_active().name == expected
        assert promotion.rollback(**WHO).name == expected
    with pytest.raises(RegistryError, match="no earlier model"):
        promotion.rollback(**WHO)
    assert states() == {"first": "active", "second": "retired", "third": "retired"}
    assert Activation.objects.filter(kind=ActivationKind.ROLLED_BACK).count() == 2


def test_after_a_rollback_another_promotion_comes_on_top(first):
    promote_all("second")
    promotion.rollback(**WHO)
    promote_all("third", "second")
    assert promotion.rollback(**WHO).name == "third"
    assert promotion.rollback(**WHO).name == "first"


def test_a_rollback_of_what_is_no_longer_active_changes_nothing(first):
    """Two who press the button at once go one step back, not two."""
    promote_all("second", "third")
    promotion.rollback(expected="third", **WHO)
    with pytest.raises(RegistryError, match="third is no longer the active model, but second is"):
        promotion.rollback(expected="third", **WHO)
    assert states()["second"] == "active"


# --- Shadow ----------------------------------------------------------------------------------------------------


def test_there_is_one_shadow_and_it_goes_back_to_where_it_was(first, candidate):
    promote_all("third")
    promotion.set_shadow("second", **WHO)
    assert registry.shadow() == candidate
    promotion.set_shadow("first", **WHO)
    assert states() == {"first": "shadow", "second": "candidate", "third": "active"}
    promotion.end_shadow("first", **WHO)
    assert states()["first"] == "retired"
    kinds = Activation.objects.order_by("at", "id").values_list("kind", flat=True)
    assert list(kinds)[-3:] == ["shadow_on", "shadow_on", "shadow_off"]
    with pytest.raises(RegistryError, match="is not the shadow"):
        promotion.end_shadow("first", **WHO)
    with pytest.raises(RegistryError, match="third is the active model"):
        promotion.set_shadow("third", **WHO)


def test_a_shadow_is_promoted_through_the_same_gate(first, candidate):
    promotion.set_shadow("second", **WHO)
    with pytest.raises(promotion.GateRefused):
        promotion.promote("second", **WHO)
    compared(candidate, first)
    promotion.promote("second", **WHO)
    assert states() == {"first": "retired", "second": "active"}
    assert promotion.rollback(**WHO) == first


def test_the_database_allows_no_second_shadow(candidate):
    version("third", ModelState.SHADOW)
    with pytest.raises(IntegrityError, match=r"one_shadow_model|UNIQUE"):
        ModelVersion.objects.filter(id=candidate.id).update(state=ModelState.SHADOW)


def test_the_database_wants_a_waiver_to_be_whole(first, candidate):
    comparison = compared(candidate, first)
    with pytest.raises(IntegrityError):
        Comparison.objects.filter(id=comparison.id).update(waived_reason="Because")


# --- Races -----------------------------------------------------------------------------------------------------


def at_once(*work) -> list[object]:
    """What each of `work` returns or raises, each in its own thread with its own connection, begun together."""
    begin, results = threading.Barrier(len(work), timeout=20), [None] * len(work)

    def run(position: int) -> None:
        try:
            connection.ensure_connection()
            begin.wait()
            results[position] = work[position]()
        except Exception as error:
            results[position] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(position,)) for position in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.mark.django_db(transaction=True)
def test_of_two_who_promote_at_once_the_second_meets_the_gate():
    """Its candidate was compared with a model that is no longer the active one."""
    version("first")
    first = promotion.promote("first", **WHO)
    for name in ("second", "third"):
        compared(version(name), first)
    results = at_once(*(lambda name=name: promotion.promote(name, **WHO) for name in ("second", "third")))
    refused = [each for each in results if isinstance(each, promotion.GateRefused)]
    promoted = [each for each in results if isinstance(each, ModelVersion)]
    assert (len(refused), len(promoted)) == (1, 1), results
    assert registry.active() == promoted[0]
    assert Activation.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_who_roll_back_at_once_one_does():
    version("first")
    promotion.promote("first", **WHO)
    promote_all("second", "third")
    results = at_once(*(lambda: promotion.rollback(expected="third", **WHO) for _ in range(2)))
    assert sum(isinstance(each, ModelVersion) for each in results) == 1, results
    assert registry.active().name == "second"


@pytest.mark.django_db(transaction=True)
def test_a_shadow_and_a_promotion_at_once_leave_one_of_each_at_most():
    version("first")
    first = promotion.promote("first", **WHO)
    compared(version("second"), first)
    at_once(
        lambda: promotion.promote("second", **WHO),
        lambda: promotion.set_shadow("second", **WHO),
    )
    assert states() in (
        {"first": "retired", "second": "active"},
        {"first": "active", "second": "shadow"},
    )
