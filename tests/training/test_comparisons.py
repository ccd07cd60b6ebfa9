"""Comparisons as jobs: asked for once, computed by one worker, cancelled, taken up again, and shown on their page."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone

from cases.models import LesionImage
from inference import promotion, registry
from inference.models import Comparison, ComparisonState, ModelVersion
from tests.cast import make_clinic, make_person
from tests.inference import small_bundle
from tests.inference.registered import TOO_FEW, WORSE, compared, version
from tests.training import drawn
from tests.training.test_snapshots import signed
from training import tasks
from training.comparing import comparisons
from training.data import testsets
from training.models import Snapshot
from training.progress import Report

pytestmark = pytest.mark.django_db
QUEUED, RUNNING, DONE = ComparisonState.QUEUED, ComparisonState.RUNNING, ComparisonState.DONE
WHO = {"reason": "Because", "by": "Somebody"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return drawn.folder(tmp_path_factory.mktemp("held-out"), {"NEV": 5, "MEL": 5}, splits=("train", "test", "val"))


@pytest.fixture(autouse=True)
def sent(monkeypatch) -> list[tuple[str, str, str]]:
    messages: list[tuple[str, str, str]] = []
    monkeypatch.setattr(
        "cases.jobs.broker.current_app.send_task",
        lambda task, args, queue, **_: messages.append((task, args[0], queue)),
    )
    return messages


@pytest.fixture
def candidate(settings, tmp_path, data) -> ModelVersion:
    """Beside an active model; both are real bundles."""
    settings.BUNDLE_ROOT = tmp_path / "bundles"
    settings.EVALUATION_DATA_DIR = str(data)
    for number in (1, 2):
        registry.register(small_bundle.write(tmp_path / str(number), seed=number, name=f"small-{number}"))
    promotion.promote("small-1", **WHO)
    return ModelVersion.objects.get(name="small-2")


@pytest.fixture
def asked(candidate) -> Comparison:
    return comparisons.request(candidate, source="folder:test", by="Dr. Ruth Okafor")


def fresh(comparison: Comparison) -> Comparison:
    return Comparison.objects.get(id=comparison.id)


# --- The test sets ---------------------------------------------------------------------------------------------


def test_what_was_trained_on_is_not_offered_as_a_test(settings, data, tmp_path):
    settings.EVALUATION_DATA_DIR = str(data)
    assert [each.key for each in testsets.available()] == ["folder:test", "folder:val"]
    settings.EVALUATION_DATA_DIR = str(drawn.folder(tmp_path / "flat", {"NEV": 1, "MEL": 1}, splits=()))
    assert [each.key for each in testsets.available()] == ["folder:all"]
    for nowhere in ("", str(tmp_path / "gone")):
        settings.EVALUATION_DATA_DIR = nowhere
        assert testsets.available() == []


def test_the_signed_cases_that_are_held_out_are_a_test_set_of_an_only_clinic(alma, candidate, tmp_path, monkeypatch):
    """With two clinics they are none, since every comparison is everybody's to see."""
    assert [each.key for each in testsets.available()] == ["folder:test", "folder:val"]
    for number, code in enumerate(["NEV", "MEL"] * 12):
        case = signed(alma, code)
        (tmp_path / "media").mkdir(exist_ok=True)
        drawn.photo(code, number).save(tmp_path / "media" / f"{number}.png")
        LesionImage.objects.filter(case=case).update(derivative=f"{number}.png")
    assert testsets.available()[-1].key == "cases"
    asked = comparisons.request(candidate, source="cases", by="Somebody")
    assert comparisons.run(asked.id)
    done, held_out = fresh(asked), Snapshot.objects.get().photos.exclude(split="train").count()
    assert (done.state, done.n, done.data) == (DONE, held_out, "Signed cases that were held out")
    assert any("may have seen the opinion of small-1" in sentence for sentence in comparisons.cautions(done))
    make_clinic("Brno")
    assert [each.key for each in testsets.available()] == ["folder:test", "folder:val"]
    with pytest.raises(comparisons.ComparisonRefused, match="Choose one of the test sets"):
        comparisons.request(candidate, source="cases", by="Somebody")


# --- The job ---------------------------------------------------------------------------------------------------


def test_it_is_asked_for_once_and_sent_on_commit(candidate, sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        first = comparisons.request(candidate, source="folder:test", by="One")
        again = comparisons.request(candidate, source="folder:test", by="Two")
    assert again == first
    assert (first.data, first.baseline.name) == (f"{testsets._folder().name}, test", "small-1")
    assert sent == [(tasks.compare.name, str(first.id), "training")]
    with pytest.raises(IntegrityError):
        Comparison.objects.create(candidate=candidate, baseline=first.baseline, source="folder:test", by="Three")


def test_what_cannot_be_compared_is_refused_in_words(candidate, data):
    with pytest.raises(comparisons.ComparisonRefused, match="This is the active model"):
        comparisons.request(registry.active(), source="folder:test", by="One")
    with pytest.raises(comparisons.ComparisonRefused, match="Choose one of the test sets"):
        comparisons.request(candidate, source="folder:train", by="One")
    ModelVersion.objects.update(state="retired")
    with pytest.raises(comparisons.ComparisonRefused, match="nothing to compare with"):
        comparisons.request(candidate, source="folder:test", by="One")


def test_a_worker_measures_both_and_keeps_the_result_under_the_test_sets_hash(asked, data):
    tasks.compare(str(asked.id))
    done = fresh(asked)
    whole, split = testsets.load("folder:test", "Somebody")
    assert (done.state, done.n, done.done, done.total) == (DONE, 10, 20, 20)
    assert done.manifest_sha256 == whole.split(split).manifest_hash()
    assert done.figures["overlap"] == {"candidate": None, "baseline": None}
    assert "cannot be known" in comparisons.cautions(done)[0]
    assert (done.claim_token, done.lease_until) == (None, None)
    assert not comparisons.run(asked.id)


def test_a_cancelled_one_stops_while_it_is_measured(asked, monkeypatch):
    monkeypatch.setattr(comparisons, "_SECONDS_BETWEEN_REPORTS", 0)
    steps = []
    step = comparisons._RowReport.step

    def cancel_on_the_way(self, stage, done, total, text=""):
        steps.append(done)
        if done == 4:
            assert comparisons.cancel(asked)
        step(self, stage, done, total, text)

    monkeypatch.setattr(comparisons._RowReport, "step", cancel_on_the_way)
    assert not comparisons.run(asked.id)
    assert (fresh(asked).state, steps[-1]) == (ComparisonState.CANCELLED, 4)
    assert not comparisons.cancel(asked)


def test_progress_renews_the_lease(asked):
    claimed = comparisons._claim(asked.id)
    Comparison.objects.filter(id=asked.id).update(lease_until=timezone.now())
    comparisons._RowReport(claimed).step("Measuring", 3, 20)
    assert (fresh(asked).done, fresh(asked).total) == (3, 20)
    assert fresh(asked).lease_until > timezone.now() + timedelta(minutes=4)
    assert comparisons._claim(asked.id) is None


def test_what_cannot_be_measured_fails_with_the_sentence(asked, settings, monkeypatch):
    settings.EVALUATION_DATA_DIR = ""
    assert comparisons.run(asked.id)
    assert (fresh(asked).state, fresh(asked).reason[:26]) == ("failed", "There is no such test set:")


def test_a_surprise_is_raised_and_written_down(asked, monkeypatch):
    def broken(*args, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(comparisons, "compare", broken)
    with pytest.raises(ZeroDivisionError):
        comparisons.run(asked.id)
    assert fresh(asked).reason == "The computation broke off. Ask for it again."


def test_the_sweep_takes_up_what_lost_its_worker_and_gives_up_after_three(asked, sent):
    past = timezone.now() - timedelta(hours=1)
    for attempt in (1, 2, 3):
        assert comparisons._claim(asked.id).attempts == attempt
        assert comparisons.sweep() == 0
        Comparison.objects.filter(id=asked.id).update(lease_until=past)
        tasks.sweep()
    assert [each[1] for each in sent] == [str(asked.id)] * 2
    assert "three times" in fresh(asked).reason


def test_the_sweep_sends_a_lost_message_again(asked, sent):
    Comparison.objects.filter(id=asked.id).update(at=timezone.now() - comparisons.RESEND_AFTER * 2)
    assert comparisons.sweep() == 1
    assert sent == [(tasks.compare.name, str(asked.id), "training")]


# --- Its page --------------------------------------------------------------------------------------------------


def page(client, comparison: Comparison) -> str:
    return client.get(reverse("comparison_detail", args=[comparison.id])).content.decode()


def test_from_the_button_to_the_result(alma, candidate, sign_in):
    client = sign_in(alma.admin)
    answer = client.post(reverse("model_compare", args=[candidate.id]), {"source": "folder:test"})
    comparison = Comparison.objects.get()
    assert answer["Location"] == reverse("comparison_detail", args=[comparison.id])
    waiting = page(client, comparison)
    assert "waits for the training worker" in waiting
    assert 'hx-trigger="load delay:2s, retry"' in waiting
    comparisons.run(comparison.id)
    shown = page(client, comparison)
    assert "hx-trigger" not in shown.split('id="comparison"')[1].split(">")[0]
    assert "10 photos of 10 patients, 5 of them malignant" in shown
    assert comparison.data in shown
    assert "too few to say" in shown or "finds fewer" in shown
    part = client.get(reverse("comparison_detail", args=[comparison.id]), headers={"HX-Request": "true"})
    assert part.content.decode().lstrip().startswith('<div id="comparison"')


def test_a_made_up_test_set_is_refused(alma, candidate, sign_in):
    client = sign_in(alma.lead)
    answer = client.post(reverse("model_compare", args=[candidate.id]), {"source": "folder:../secret"}, follow=True)
    assert "Choose one of the test sets" in answer.content.decode()
    assert not Comparison.objects.exists()


def test_cancelling_says_so(alma, asked, sign_in):
    client = sign_in(alma.lead)
    said = client.post(reverse("comparison_cancel", args=[asked.id]), follow=True).content.decode()
    assert "The comparison was cancelled." in said


def test_an_admin_waives_and_a_lead_promotes_with_it(alma, sign_in, monkeypatch):
    monkeypatch.setattr("inference.promotion._check_loads", lambda version: None)
    first, second = version("first", "active"), version("second")
    comparison = compared(second, first, TOO_FEW)
    waive, promote = reverse("comparison_waive", args=[comparison.id]), reverse("model_promote", args=[second.id])
    client = sign_in(alma.lead)
    assert "Allow a promotion all the same" not in page(client, comparison)
    assert client.post(waive, {"waive-reason": "I know"}).status_code == 403
    refused = client.post(promote, {"reason": "Better"})
    assert (refused.status_code, "too few to say" in refused.content.decode()) == (422, True)

    client = sign_in(alma.admin)
    assert "Allow a promotion all the same" in page(client, comparison)
    assert client.post(promote, {"reason": "Better"}).status_code == 403
    assert "Say why" in client.post(waive, {"waive-reason": " "}, follow=True).content.decode()
    client.post(waive, {"waive-reason": "A hundred shadowed cases agree"})
    assert "A hundred shadowed cases agree" in page(client, comparison)

    client = sign_in(alma.lead)
    client.post(promote, {"reason": "Better"})
    assert registry.active() == second
    shown = client.get(reverse("model_detail", args=[second.id])).content.decode()
    assert f"The gate was overridden by {alma.admin}" in shown


def test_the_pages_say_what_is_not_known_and_offer_the_waiver(alma, sign_in):
    second = version("second")
    comparison = compared(second, version("first", "active"), overlap=None)
    client = sign_in(alma.admin)
    shown = page(client, comparison)
    assert "not known whether the candidate learned from these photos" in shown
    assert "Allow a promotion all the same" in shown
    listed = client.get(reverse("model_detail", args=[second.id])).content.decode()
    assert "Not known to be held out" in listed
    asked = sign_in(alma.lead).get(reverse("model_promote", args=[second.id])).content.decode()
    assert "not known whether the candidate learned from these photos" in asked
    assert 'name="reason"' not in asked


def test_a_worse_one_is_not_waived(alma, sign_in):
    comparison = compared(version("second"), version("first", "active"), WORSE)
    client = sign_in(alma.admin)
    assert "Allow a promotion all the same" not in page(client, comparison)
    said = client.post(reverse("comparison_waive", args=[comparison.id]), {"waive-reason": "Still"}, follow=True)
    assert "Only a comparison on too few cases" in said.content.decode()


def test_who_leads_one_clinic_of_two_does_not_decide_for_the_other(alma, brno, sign_in, monkeypatch):
    monkeypatch.setattr("inference.promotion._check_loads", lambda version: None)
    second = version("second")
    compared(second, version("first", "active"))
    promote = reverse("model_promote", args=[second.id])
    client = sign_in(alma.lead)
    assert client.post(promote, {"reason": "Better"}).status_code == 403
    listed = client.get(reverse("model_list")).content.decode()
    assert "One model serves all 2 clinics" in listed
    both = make_person(alma.clinic, "lead")
    both.memberships.create(clinic=brno.clinic, role="lead")
    assert sign_in(both).post(promote, {"reason": "Better"}).status_code == 302
    assert registry.active() == second


def test_the_report_is_the_same_for_the_command_line(candidate):
    whole, split = testsets.load("folder:test", "Somebody")
    stored = comparisons.run_now(candidate, registry.active(), whole, split, by="Somebody", report=Report())
    assert (stored.state, stored.source, stored.n) == (DONE, "", 10)
    assert promotion.judge(stored).verdict in ("may_be_known", "worse")
