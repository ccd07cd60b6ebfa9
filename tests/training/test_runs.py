"""Training runs as jobs: asked for once, one at a time, cancelled, taken up again, handed back, shown to their own."""

import sys
import threading
import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from cases.models import Notification
from cases.record import patients
from inference.bundle import Bundle
from inference.models import ModelVersion
from tests.cast import make_patient, waiting_case
from tests.inference import small_bundle
from tests.inference.registered import version
from tests.training.test_snapshots import signed
from training import tasks
from training.data import snapshots
from training.models import RunState, TrainingRun
from training.pages import model_file
from training.pages import run as run_page
from training.progress import Curve, Report, Stage
from training.recipe import Options
from training.runs import lifecycle, start, trainer
from training.runs import report as run_report

pytestmark = pytest.mark.django_db
QUEUED, RUNNING, CANCELLING = RunState.QUEUED, RunState.RUNNING, RunState.CANCELLING
DONE, FAILED, CANCELLED = RunState.DONE, RunState.FAILED, RunState.CANCELLED
PAST = timezone.now() - timedelta(hours=1)


@pytest.fixture(autouse=True)
def sent(monkeypatch, settings, tmp_path) -> list[str]:
    settings.TRAINING_DATA_DIR = str(tmp_path / "photos")
    settings.VAR = tmp_path / "var"
    messages: list[str] = []
    monkeypatch.setattr(
        "cases.jobs.broker.current_app.send_task", lambda task, args, queue, **_: messages.append(f"{queue} {args[0]}")
    )
    return messages


def asked(name: str = "new-1", **wishes) -> TrainingRun:
    wanted = {"by": "Dr. Ruth Okafor", "clinic": None, "uses_folder": True, "name": name, **wishes}
    return lifecycle.request(wanted.pop("run_id", uuid4()), **wanted)


def fresh(run: TrainingRun) -> TrainingRun:
    return TrainingRun.objects.get(id=run.id)


def claimed(run: TrainingRun) -> TrainingRun:
    found = lifecycle.claim(run.id)
    assert found
    return found


def in_state(run: TrainingRun, state: RunState, **fields) -> TrainingRun:
    if state == DONE:
        fields["model_version"] = version(f"of-{run.name}")
    TrainingRun.objects.filter(id=run.id).update(state=state, reason="Because.", **fields)
    return fresh(run)


# --- Asking ------------------------------------------------------------------------------------------------------


def test_a_double_click_trains_once(sent, django_capture_on_commit_callbacks):
    run_id = uuid4()
    with django_capture_on_commit_callbacks(execute=True):
        first = asked(run_id=run_id)
        assert asked(run_id=run_id) == first
    assert sent == [f"training {first.id}"]


def test_what_cannot_be_trained_is_refused_in_words(settings):
    version("taken")
    asked("waits")
    for wishes, sentence in (
        ({"uses_folder": False}, "Choose what to learn from"),
        ({"network": "resnet"}, "Choose one of the networks"),
        ({"name": "Großer Name"}, "lower-case letters"),
        ({"name": "../etc"}, "lower-case letters"),
        ({"name": "taken"}, "Another model has this name"),
        ({"name": "waits"}, "Another model has this name"),
    ):
        with pytest.raises(lifecycle.RunRefused, match=sentence):
            asked(**{"name": "new-1", **wishes})
    settings.TRAINING_DATA_DIR = ""
    with pytest.raises(lifecycle.RunRefused, match="TRAINING_DATA_DIR"):
        asked()


# --- The ways of a run -------------------------------------------------------------------------------------------

WAYS = {
    "claim": lambda run: bool(lifecycle.claim(run.id)),
    "cancel": lifecycle.cancel,
    "again": lifecycle.again,
}


@pytest.mark.parametrize(
    ("way", "state", "after"),
    [
        ("claim", QUEUED, RUNNING),
        ("claim", RUNNING, None),
        ("claim", CANCELLING, None),
        ("claim", DONE, None),
        ("claim", FAILED, None),
        ("claim", CANCELLED, None),
        ("cancel", QUEUED, CANCELLED),
        ("cancel", RUNNING, CANCELLING),
        ("cancel", CANCELLING, None),
        ("cancel", DONE, None),
        ("cancel", FAILED, None),
        ("cancel", CANCELLED, None),
        ("again", FAILED, QUEUED),
        ("again", CANCELLED, QUEUED),
        ("again", QUEUED, None),
        ("again", RUNNING, None),
        ("again", CANCELLING, None),
        ("again", DONE, None),
    ],
)
def test_every_way_from_every_state(way, state, after):
    run = in_state(asked(), state, lease_until=timezone.now() + timedelta(minutes=1))
    assert WAYS[way](run) is (after is not None)
    assert fresh(run).state == (after or state)


def test_one_trains_and_the_next_is_told_when_it_ends(sent, django_capture_on_commit_callbacks):
    first, second = asked("first"), asked("second")
    mine = claimed(first)
    assert lifecycle.claim(second.id) is None
    assert lifecycle.ahead_of(second) == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        TrainingRun.objects.filter(id=second.id).update(state=CANCELLING)
    with django_capture_on_commit_callbacks(execute=True):
        assert lifecycle.finish(mine, FAILED, reason="No photos.")
    assert sent == [f"training {second.id}"]
    assert claimed(second)


def test_who_asked_is_told_when_it_is_done(alma):
    run = claimed(asked(by=alma.lead))
    assert run.by == str(alma.lead)
    assert lifecycle.finish(run, DONE, model_version=version("new-1"))
    told = Notification.objects.get()
    assert (told.person, told.model_version.name) == (alma.lead, "new-1")


def test_who_has_lost_the_claim_changes_nothing(sent):
    run = asked()
    slow = claimed(run)
    TrainingRun.objects.filter(id=run.id).update(lease_until=PAST)
    other = claimed(run)
    assert other.attempts == 2
    assert lifecycle.renew(slow) is None
    assert not lifecycle.note(slow, percent=50)
    assert not lifecycle.finish(slow, FAILED, reason="Late.")
    assert not lifecycle.hand_back(slow, counts=True)
    with pytest.raises(run_report.Lost):
        run_report.RunReport(slow).say("Hello")
    assert (fresh(run).state, fresh(run).percent) == (RUNNING, 0)


def test_a_cancelled_run_hears_of_it_at_its_next_word():
    run = claimed(asked())
    report = run_report.RunReport(run)
    report.say("Decoding")
    lifecycle.cancel(run)
    assert lifecycle.renew(run) == CANCELLING
    with pytest.raises(run_report.Lost):
        report.step("Decoding", 2, 3)
    assert lifecycle.finish(run, CANCELLED)
    assert (fresh(run).state, fresh(run).claim_token) == (CANCELLED, None)


def test_the_sweep_takes_up_what_lost_its_worker_and_gives_up_after_three(sent):
    run = asked()
    for attempt in (1, 2, 3):
        assert claimed(run).attempts == attempt
        assert lifecycle.sweep() == 0
        TrainingRun.objects.filter(id=run.id).update(lease_until=PAST)
        tasks.sweep()
    assert sent == [f"training {run.id}"] * 2
    assert fresh(run).state == FAILED
    assert "goes on where it was" in fresh(run).reason
    assert lifecycle.again(run)
    assert claimed(run).attempts == 1


def test_the_sweep_ends_a_cancellation_whose_worker_is_gone_and_sends_a_lost_message(sent):
    gone, waits = asked("gone"), asked("waits")
    claimed(gone)
    lifecycle.cancel(gone)
    TrainingRun.objects.filter(id=gone.id).update(lease_until=PAST)
    TrainingRun.objects.filter(id=waits.id).update(at=PAST)
    assert lifecycle.sweep() == 2
    assert fresh(gone).state == CANCELLED
    assert sent == [f"training {waits.id}"]


def test_the_worker_is_woken_under_up(monkeypatch, tmp_path, django_capture_on_commit_callbacks):
    monkeypatch.setenv("TRAINER_WAKE_FILE", str(tmp_path / "trainer.wanted"))
    with django_capture_on_commit_callbacks(execute=True):
        asked()
    assert (tmp_path / "trainer.wanted").exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_gets_it_and_of_two_runs_one_trains():
    one, other = asked("one"), asked("other")
    wanted = [one.id, one.id, other.id, other.id]
    barrier, got = threading.Barrier(len(wanted)), []

    def grab(run_id: UUID) -> None:
        try:
            barrier.wait()
            got.append(lifecycle.claim(run_id))
        finally:
            connection.close()

    threads = [threading.Thread(target=grab, args=(run_id,)) for run_id in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([run for run in got if run]) == 1
    assert TrainingRun.objects.filter(state=RUNNING).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_clicks_at_once_one_run_is_made():
    run_id, barrier, made = uuid4(), threading.Barrier(3), []

    def click() -> None:
        try:
            barrier.wait()
            made.append(asked(run_id=run_id))
        finally:
            connection.close()

    threads = [threading.Thread(target=click) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [run.id for run in made] == [run_id] * 3
    assert TrainingRun.objects.count() == 1


# --- The process that trains, and who watches it -----------------------------------------------------------------


def with_process(monkeypatch, source: str) -> None:
    """Lets another program stand for the one that trains."""
    popen = trainer.subprocess.Popen
    monkeypatch.setattr(
        trainer.subprocess, "Popen", lambda command, **options: popen([sys.executable, "-c", source], **options)
    )


@pytest.mark.parametrize(
    ("source", "state", "reason"),
    [
        (
            "import sys; sys.exit('The index cannot be reached: check the network.')",
            FAILED,
            "The index cannot be reached",
        ),
        ("print('CommandError: No such folder.'); raise SystemExit(1)", FAILED, "No such folder."),
        ("raise ValueError('Novak')", FAILED, "The training broke off by an error of the program. Its log"),
        ("import os; os.kill(os.getpid(), 9)", QUEUED, ""),
    ],
)
def test_however_the_process_ends_the_row_says_how(monkeypatch, sent, source, state, reason):
    with_process(monkeypatch, source)
    run = asked()
    trainer.work(run.id)
    ended = fresh(run)
    assert (ended.state, ended.claim_token) == (state, None)
    assert ended.reason.startswith(reason)
    assert "Novak" not in ended.reason
    assert sent == ([f"training {run.id}"] if state == QUEUED else [])


def test_killed_three_times_it_is_given_up_in_words(monkeypatch):
    with_process(monkeypatch, "import os; os.kill(os.getpid(), 9)")
    run = asked()
    for _ in range(3):
        assert trainer.work(run.id)
    assert "want of memory" in fresh(run).reason
    assert not trainer.work(run.id)


@pytest.mark.parametrize("shutdown", [False, True])
def test_a_cancellation_and_a_shutdown_end_the_process_at_once(monkeypatch, shutdown):
    monkeypatch.setattr(trainer, "_TICK_SECONDS", 0.02)
    monkeypatch.setattr(trainer, "_RENEW_SECONDS", 0.02)
    with_process(monkeypatch, "import time; print('Packages of x: 3 of 9 fetched', flush=True); time.sleep(20)")
    run = asked()
    renew, seen = lifecycle.renew, []

    def renewed(mine: TrainingRun) -> RunState | None:
        seen.append(fresh(run).stage)
        if seen[-1]:  # after the first words of the process
            if shutdown:
                monkeypatch.setattr(trainer.celery_worker, "should_stop", 0)
            else:
                lifecycle.cancel(run)
        return renew(mine)

    monkeypatch.setattr(lifecycle, "renew", renewed)
    trainer.work(run.id)
    ended = fresh(run)
    assert seen[-1] == "Packages of x: 3 of 9 fetched"
    assert (ended.state, ended.attempts) == ((QUEUED, 0) if shutdown else (CANCELLED, 1))


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_database_that_is_away_ends_the_process_no_sooner_than_the_lease(monkeypatch, comes_back):
    monkeypatch.setattr(trainer, "_TICK_SECONDS", 0.02)
    monkeypatch.setattr(trainer, "_RENEW_SECONDS", 0.02)
    monkeypatch.setattr(lifecycle, "LEASE", timedelta(seconds=60 if comes_back else 0.3))
    with_process(monkeypatch, f"import time; time.sleep({2 if comes_back else 20}); raise SystemExit('It came back.')")
    run = asked()
    renew, tries = lifecycle.renew, []

    def renewed(mine: TrainingRun) -> RunState | None:
        tries.append(mine)
        if len(tries) < 5 or not comes_back:
            raise OperationalError("server closed the connection unexpectedly")
        return renew(mine)

    monkeypatch.setattr(lifecycle, "renew", renewed)
    began = time.monotonic()
    if comes_back:
        trainer.work(run.id)
        assert (fresh(run).state, fresh(run).reason) == (FAILED, "It came back.")
    else:
        with pytest.raises(OperationalError):
            trainer.work(run.id)
        assert 0.3 <= time.monotonic() - began < 15  # the process is gone, too: it would have slept for 20
    assert len(tries) > 4


def test_what_ended_long_ago_keeps_nothing_on_disk(monkeypatch):
    with_process(monkeypatch, "pass")
    kept = {}
    for name, days in (("recent", 6), ("old", 8)):
        run = in_state(asked(name), CANCELLED, finished_at=timezone.now() - timedelta(days=days))
        kept[name] = trainer.folder(run) / ".unfinished"
        kept[name].mkdir(parents=True)
    trainer.work(asked("new").id)
    assert {name: folder.exists() for name, folder in kept.items()} == {"recent": True, "old": False}


def test_a_run_goes_on_with_its_snapshot_and_begins_anew_without_consent(alma):
    """What was learnt from a patient who took the consent back is thrown away."""
    first, second = signed(alma), signed(alma)
    run = claimed(asked(clinic=alma.clinic, uses_folder=False))
    run_report.options_of(run)
    began_with, left = fresh(run).snapshot, trainer.folder(run) / ".unfinished"
    left.mkdir(parents=True)
    signed(alma)
    assert run_report.options_of(fresh(run)).snapshot == began_with.id
    patients.record_consent(second.lesion.patient, "training", "refused", alma.staff)
    anew = run_report.options_of(fresh(run)).snapshot
    assert anew != began_with.id
    assert not left.exists()
    assert fresh(run).snapshot.photos.filter(patient=first.lesion.patient).exists()
    assert not fresh(run).snapshot.photos.filter(patient=second.lesion.patient).exists()
    assert run_report.options_of(fresh(run)).snapshot == anew, "nothing was learnt, and nothing has changed"


def cases_alone(snapshot, out) -> Options:
    return Options(data=None, name="cases-1", out=out, network="student", snapshot=snapshot.id)


def test_going_on_without_consent_is_refused_and_what_was_computed_is_gone(alma, tmp_path):
    """The command goes on with the snapshot that it began with, and a week is too long to keep features of a photo."""
    patient = signed(alma).lesion.patient
    snapshot = snapshots.take(by="Somebody")
    left = tmp_path / "out" / ".unfinished"
    left.mkdir(parents=True)
    (left / "features.npy").write_bytes(b"of the patient's photo")
    patients.record_consent(patient, "training", "refused", alma.staff)
    with pytest.raises(start.TrainingRefused, match=r"1 patients of the snapshot .* no longer consent"):
        start.train(cases_alone(snapshot, tmp_path / "out"), Report())
    assert not left.exists()


@pytest.mark.parametrize("withdrawn", [True, False])
def test_a_consent_taken_back_in_mid_run_leaves_no_candidate(alma, tmp_path, settings, withdrawn):
    settings.BUNDLE_ROOT = tmp_path / "registered"
    patient = signed(alma).lesion.patient
    snapshot = snapshots.take(by="Somebody")
    facts = {**small_bundle.spec().get("training", {}), **snapshots.facts(snapshot.id)}
    made = Bundle.load(small_bundle.write(tmp_path / "out" / "bundle", name="cases-1", training=facts))
    if not withdrawn:
        version = start.candidate(made)
        assert version
        assert list(version.snapshots.all()) == [snapshot]
        return
    patients.record_consent(patient, "training", "refused", alma.staff)
    with pytest.raises(start.TrainingRefused, match=r"took back their consent .* Start a new training: it will learn"):
        start.candidate(made)
    assert not ModelVersion.objects.exists()
    assert not made.path.exists()


# --- Progress and pages ------------------------------------------------------------------------------------------


def test_progress_is_in_the_row(monkeypatch):
    monkeypatch.setattr(run_report, "_SECONDS_BETWEEN", 0)
    run = claimed(asked())
    report = run_report.RunReport(run)
    report.say("train NEV 12")
    report.plan([Stage("Decoding", 10, 1.0), Stage("Fold 1 of 2", 4, 10.0)])
    curve = Curve(loss=[1.23456, 0.9], held_loss=[1.1, 1.0], held_balanced_accuracy=[0.4, 0.5])
    report.epoch("Fold 1 of 2", 2, curve)
    report.step("Decoding", 5, 10)
    now = fresh(run)
    assert (now.stage, now.done, now.total, now.said) == ("Decoding", 5, 10, ["train NEV 12"])
    assert now.curves["Fold 1 of 2"]["loss"] == [1.2346, 0.9]
    assert now.ends_at
    assert run_page.time_left(now) in ("less than a minute left", "about 1 minute left")
    drawing, table = run_page.drawn(now), run_page.fits(now)
    assert drawing
    assert table
    assert len(drawing.lines) == 2
    assert table.rows == [["Fold 1 of 2", "2", "0.90", "1.00", "0.50"]]


@pytest.mark.parametrize("broken", [OperationalError, InterfaceError])
def test_a_database_that_is_away_costs_words_and_not_the_run(monkeypatch, broken):
    monkeypatch.setattr(run_report, "_SECONDS_BETWEEN", 0)
    run = claimed(asked())
    report, note, is_away = run_report.RunReport(run), lifecycle.note, [True]

    def noted(mine: TrainingRun, **progress) -> bool:
        if is_away[0]:
            raise broken("server closed the connection unexpectedly")
        return note(mine, **progress)

    monkeypatch.setattr(lifecycle, "note", noted)
    report.say("train NEV 12")
    report.step("Decoding", 5, 10)
    assert (fresh(run).stage, fresh(run).said) == ("", [])
    is_away[0] = False
    report.step("Decoding", 6, 10)
    assert (fresh(run).stage, fresh(run).done, fresh(run).said) == ("Decoding", 6, ["train NEV 12"])


def test_from_the_form_to_the_run(alma, sign_in, settings):
    client = sign_in(alma.lead)
    listed = client.get(reverse("model_list")).content.decode()
    assert reverse("training_new") in listed
    page = client.get(reverse("training_new"))
    run_id = page.context["form"].initial["run_id"]
    assert f"Signed cases of {alma.clinic}" in page.content.decode()
    sent = {
        "run_id": str(run_id),
        "source": "both",
        "name": "clinic-1",
        "network": "lite2",
        "quick": "on",
        "epochs": "3",
    }
    refused = client.post(reverse("training_new"), {**sent, "name": "Not A Slug"})
    assert (refused.status_code, "lower-case letters" in refused.content.decode()) == (422, True)
    for _ in range(2):
        answer = client.post(reverse("training_new"), sent)
    assert answer["Location"] == reverse("training_run", args=[run_id])
    run = TrainingRun.objects.get()
    assert (run.clinic, run.uses_folder, run.quick, run.epochs, run.by) == (alma.clinic, True, True, 3, str(alma.lead))
    waiting = client.get(answer["Location"]).content.decode()
    assert "It waits for the training worker." in waiting
    assert 'hx-trigger="load delay:2s, retry"' in waiting
    assert "clinic-1" in client.get(reverse("training_list")).content.decode()
    said = client.post(reverse("training_cancel", args=[run_id]), follow=True).content.decode()
    assert "The training of clinic-1 ends." in said
    assert "hx-trigger" not in said.split('id="training"')[1].split(">")[0]


def test_nobody_learns_from_another_clinics_cases(alma, brno, sign_in, settings):
    """Neither by a form that names them, for it cannot, nor by looking at another's run."""
    for cast in (alma, brno):
        waiting_case(cast, patient=make_patient(cast, training_consent="granted"))
    client = sign_in(brno.admin)
    client.post(reverse("training_new"), {"run_id": uuid4(), "source": "cases", "name": "own", "network": "lite2",
                                          "clinic": str(alma.clinic.id)})  # fmt: skip
    run = TrainingRun.objects.get()
    assert run.clinic == brno.clinic
    other = sign_in(alma.lead)
    assert other.get(reverse("training_run", args=[run.id])).status_code == 404
    assert other.post(reverse("training_cancel", args=[run.id])).status_code == 404
    assert "own" not in other.get(reverse("training_list")).content.decode().split("</h1>")[1]
    assert fresh(run).state == QUEUED
    made = version("own")
    TrainingRun.objects.update(model_version=made)
    shown = [model_file.find(person, None, made.id).training_run for person in (brno.admin, alma.lead)]
    assert shown == [model_file.Training(run.id, run.by), None]
    assert sign_in(alma.doctor).get(reverse("training_new")).status_code == 403
    settings.TRAINING_DATA_DIR = ""
    assert "There is nothing to learn from" not in other.get(reverse("training_new")).content.decode()
