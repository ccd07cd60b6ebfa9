"""The prediction queue: every prediction ends in one state with a reason, is computed once, and is never lost."""

import io
import threading
from uuid import uuid4

import numpy as np
import pytest
from auditlog.models import LogEntry
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.utils import timezone

from cases import tasks
from cases.models import Case, CaseState, Condition, LesionImage, Prediction, PredictionState, Urgency
from cases.models.prediction import PENDING_STATES
from cases.photo import intake
from cases.photo.storage import DurableFileSystemStorage
from cases.prediction import asking, computing, queue
from cases.reading import reads
from cases.record import lifecycle, patients
from inference import registry
from inference.bundle import BundleError
from inference.models import ModelState, ModelVersion
from tests.cases.asked import expire, fresh
from tests.cases.models import registered_model
from tests.cast import make_case, make_image, make_patient, photo, waiting_case

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent", "engine")]
QUEUED, RUNNING, DONE = PredictionState.QUEUED, PredictionState.RUNNING, PredictionState.DONE
REJECTED, FAILED = PredictionState.REJECTED, PredictionState.FAILED


def in_threads(*work) -> list[object]:
    """The results of all of `work`, each run in its own thread with its own connection, begun together."""
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


# --- The plain way ---------------------------------------------------------------------------------------------


def test_a_prediction_is_computed_and_stored(prediction, engine):
    case = prediction.image.case
    lifecycle.change(case.id, bled="yes", itch="no")

    assert computing.run(prediction.id)

    done = fresh(prediction)
    assert (done.state, done.attempts, done.claim_token, done.lease_until, done.reason) == (DONE, 1, None, None, "")
    assert (done.probabilities[0], done.first_condition, done.answer_set) == (["NEV", 0.75], "NEV", ["NEV"])
    assert sum(share for _, share in done.probabilities) == pytest.approx(1)
    assert done.duration_ms is not None
    assert done.finished_at >= done.queued_at
    maps = np.frombuffer(done.maps, np.float16).reshape(-1, done.map_rows, done.map_columns)
    assert (maps.shape, maps[3, 0, 0], maps[0, 0, 0]) == ((6, 7, 7), 4, 0)
    assert np.frombuffer(done.embedding, np.float16)[5] == 5
    (size, answers) = engine.seen[0]
    assert min(size) == 512
    assert (answers.site, answers.bled, answers.itch, answers.hurt) == ("forearm", True, False, None)
    assert answers.age == case.lesion.patient.age
    assert done.answers["bled"] is True


def test_the_message_is_sent_on_commit_to_the_cases_queue(alma, version, sent, django_capture_on_commit_callbacks):
    for urgency, name in ((Urgency.URGENT, "urgent"), (Urgency.ROUTINE, "routine")):
        image = make_image(make_case(alma, requested_urgency=urgency))
        with django_capture_on_commit_callbacks(execute=True):
            prediction = asking.request(image)
            assert not sent
        assert sent == [(str(prediction.id), name)]
        sent.clear()


def test_a_request_is_one_row_a_model_version(case, version):
    image = make_image(case)
    assert asking.request(image) == asking.request(image)
    assert image.predictions.count() == 1


def test_without_a_model_there_is_no_prediction_and_no_error(case):
    registered_model(state=ModelState.CANDIDATE)
    assert asking.request(make_image(case)) is None


@pytest.mark.parametrize("state", PredictionState)
def test_pending_as_property_and_as_filter_agree(prediction, state):
    Prediction.objects.filter(id=prediction.id).update(
        state=state,
        reason="x",
        claim_token=uuid4(),
        lease_until=timezone.now(),
        probabilities=[["NEV", 1]],
        finished_at=timezone.now(),
    )
    assert fresh(prediction).is_pending == Prediction.objects.filter(state__in=PENDING_STATES).exists()


def test_an_urgent_opinion_flags_the_case_and_a_calm_one_leaves_the_flag(prediction, engine):
    case = prediction.image.case
    engine.look["urgent"] = True
    computing.run(prediction.id)
    case.refresh_from_db()
    assert (case.flagged_by_ai, case.urgency) == (True, Urgency.URGENT)
    engine.look["urgent"] = False
    lifecycle.change(case.id, bled="yes")
    computing.run(prediction.id)
    case.refresh_from_db()
    assert (fresh(prediction).urgent, case.flagged_by_ai, case.urgency) == (False, True, Urgency.URGENT)


def test_the_audit_log_tells_that_the_ai_raised_the_urgency_and_nothing_of_the_patient(prediction, engine):
    case = prediction.image.case
    engine.look["urgent"] = True
    computing.run(prediction.id)
    entry = LogEntry.objects.get_for_object(case).latest("id")
    assert entry.changes_dict == {"flagged_by_ai": ["False", "True"], "urgency": ["3", "1"]}
    assert (entry.actor, entry.object_repr) == (None, case.reference)


def test_what_was_asked_of_a_model_before_it_was_replaced_still_flags_the_case(prediction, engine, version):
    """It is shown, so what it says must count."""
    engine.look["urgent"] = True
    ModelVersion.objects.filter(id=version.id).update(state=ModelState.RETIRED)
    computing.run(prediction.id)
    assert fresh(prediction).urgent
    assert Case.objects.get().flagged_by_ai


# --- Claims ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_exactly_one_claims(alma):
    registered_model()
    for _attempt in range(5):
        prediction = asking.request(make_image(make_case(alma)))
        claims = in_threads(*[lambda id=prediction.id: queue.claim(id)] * 2)
        won = [claim for claim in claims if isinstance(claim, Prediction)]
        assert [claim for claim in claims if claim is None] == [None], claims
        assert len(won) == 1
        assert (fresh(prediction).claim_token, fresh(prediction).attempts) == (won[0].claim_token, 1)


@pytest.mark.django_db(transaction=True)
def test_messages_that_come_twice_at_once_compute_once(alma, engine):
    registered_model()
    case = make_case(alma)
    ids = [
        intake.accept(case, io.BytesIO(photo(seed=seed)), name="a.jpg", by=case.created_by).predictions.get().id
        for seed in range(2)
    ]
    # Duplicated, and in another order for each worker.
    results = in_threads(
        lambda: [computing.run(id) for id in ids * 2], lambda: [computing.run(id) for id in ids[::-1] * 2]
    )
    assert sorted(results[0] + results[1]) == [False] * 6 + [True] * 2
    assert len(engine.seen) == 2
    assert set(Prediction.objects.values_list("state", "attempts")) == {(DONE, 1)}


@pytest.mark.django_db(transaction=True)
def test_an_urgent_result_and_a_change_of_answers_do_not_deadlock(alma, engine):
    registered_model()
    engine.look["urgent"] = True
    case = make_case(alma)
    prediction = intake.accept(case, io.BytesIO(photo()), name="a.jpg", by=case.created_by).predictions.get()
    for attempt in range(5):
        asking.answers_changed(case)
        engine.during = threading.Barrier(2, timeout=20).wait

        def change(answer: str = ("yes", "no")[attempt % 2]) -> Case:
            engine.during()
            return lifecycle.change(case.id, bled=answer)

        results = in_threads(lambda: computing.run(prediction.id), change)
        assert not [result for result in results if isinstance(result, Exception)], results
        engine.during = lambda: None
        # Whichever came first, the result that stands was computed with the answers that stand.
        computing.run(prediction.id)
        assert fresh(prediction).answers["bled"] is (attempt % 2 == 0)


def test_a_lease_that_runs_out_while_its_owner_works_gives_one_result(prediction, engine):
    def overtaken() -> None:
        engine.during = lambda: None
        expire(prediction)
        engine.look["first"] = "MEL"
        assert computing.run(prediction.id)
        engine.look["first"] = "BCC"

    engine.during = overtaken
    assert computing.run(prediction.id) is False
    assert (fresh(prediction).first_condition, fresh(prediction).attempts) == ("MEL", 2)


def test_a_late_failure_does_not_undo_the_result_of_another(prediction, engine):
    def overtaken() -> None:
        engine.during = lambda: None
        expire(prediction)
        computing.run(prediction.id)
        raise RuntimeError

    engine.during = overtaken
    with pytest.raises(RuntimeError):
        computing.run(prediction.id)
    assert fresh(prediction).state == DONE


def test_a_running_prediction_is_not_claimed_within_its_lease(prediction):
    assert queue.claim(prediction.id)
    assert queue.claim(prediction.id) is None
    expire(prediction)
    assert queue.claim(prediction.id)


def test_a_claim_that_is_taken_back_at_once_is_none(prediction, monkeypatch):
    real = Prediction.objects.filter(id=prediction.id).__class__.update

    def update_then_requeue(self, **fields: object) -> int:
        changed = real(self, **fields)
        if fields.get("state") == RUNNING:
            asking.answers_changed(prediction.image.case)
        return changed

    monkeypatch.setattr("django.db.models.query.QuerySet.update", update_then_requeue)
    assert computing.run(prediction.id) is False
    assert fresh(prediction).state == QUEUED


def test_messages_for_what_is_done_or_unknown_do_nothing(prediction, engine):
    tasks.predict(str(prediction.id))
    tasks.predict(str(prediction.id))
    tasks.predict(str(uuid4()))
    assert len(engine.seen) == 1


# --- What does not allow a prediction --------------------------------------------------------------------------


def test_without_consent_nothing_is_queued(alma, version):
    for consent in ("refused", "not_asked"):
        image = make_image(make_case(alma, patient=make_patient(alma, ai_consent=consent)))
        assert asking.request(image) is None
    assert not Prediction.objects.exists()


def test_consent_granted_later_queues_the_photos_of_open_cases(alma, version):
    patient = make_patient(alma, ai_consent="not_asked")
    opened, removed, signed = (make_image(make_case(alma, patient=patient)) for _ in range(3))
    LesionImage.objects.filter(id=removed.id).update(removed_at=timezone.now())
    Case.objects.filter(id=signed.case_id).update(state=CaseState.SIGNED, signed_at=timezone.now())
    patients.record_consent(patient, "training", "granted", alma.staff)
    assert not Prediction.objects.exists()
    patients.record_consent(patient, "ai", "granted", alma.staff)
    assert Prediction.objects.get().image == opened


@pytest.mark.parametrize("claimed", [False, True])
def test_consent_taken_back_ends_what_is_pending_and_a_new_one_asks_again(prediction, alma, claimed):
    patient = prediction.image.case.lesion.patient
    if claimed:
        queue.claim(prediction.id)
    patients.record_consent(patient, "ai", "refused", alma.staff)
    ended = fresh(prediction)
    assert (ended.state, ended.reason) == (REJECTED, "The patient does not consent to AI use.")
    assert not computing.run(prediction.id)

    patients.record_consent(patient, "ai", "granted", alma.staff)
    assert computing.run(prediction.id)
    assert fresh(prediction).state == DONE


def test_consent_taken_back_while_it_is_computed_leaves_no_result(prediction, engine, alma):
    patient = prediction.image.case.lesion.patient
    engine.during = lambda: patients.record_consent(patient, "ai", "refused", alma.staff)
    assert computing.run(prediction.id) is False
    assert (fresh(prediction).state, fresh(prediction).probabilities) == (REJECTED, None)


def test_consent_that_went_unnoticed_is_asked_again_before_computing(prediction, engine):
    patient = prediction.image.case.lesion.patient
    type(patient).objects.filter(id=patient.id).update(ai_consent="refused")
    computing.run(prediction.id)
    assert fresh(prediction).state == REJECTED
    assert not engine.seen


def away(version: ModelVersion) -> None:
    raise BundleError("There is no model bundle in /srv/bundles/x.")


def test_a_bundle_that_is_away_for_a_moment_costs_an_attempt(prediction, monkeypatch, sent):
    with monkeypatch.context() as patch:
        patch.setattr(registry, "engine", away)
        assert computing.run(prediction.id)
    assert (fresh(prediction).state, fresh(prediction).attempts) == (RUNNING, 1)
    expire(prediction)
    queue.sweep()
    assert (str(prediction.id), "routine") in sent
    assert computing.run(prediction.id)
    assert (fresh(prediction).state, fresh(prediction).attempts) == (DONE, 2)


def test_a_bundle_that_stays_away_fails_with_a_remedy_and_without_a_path(prediction, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(registry, "engine", away)
        for _attempt in range(3):
            assert computing.run(prediction.id)
            expire(prediction)
    failed = fresh(prediction)
    assert (failed.state, failed.attempts, failed.claim_token) == (FAILED, 3, None)
    assert failed.reason == "The model cannot be loaded. Press Retry; if it fails again, tell your administrator."
    assert asking.retry(prediction)
    assert computing.run(prediction.id)
    assert fresh(prediction).state == DONE


@pytest.mark.parametrize("content", [b"", b"poison", b"\xff\xd8\xff\xe0\0\x10JFIF", photo()[:5000]])
def test_a_poison_photo_is_rejected_with_a_remedy(prediction, content, engine):
    with default_storage.open(prediction.image.derivative.name, "wb") as file:
        file.write(content)
    assert computing.run(prediction.id)
    assert (fresh(prediction).state, engine.seen) == (REJECTED, [])
    assert fresh(prediction).reason == "The photo cannot be read. Take it again."


def test_a_missing_file_is_a_readable_reason(prediction):
    prediction.image.derivative.storage.delete(prediction.image.derivative.name)
    computing.run(prediction.id)
    assert fresh(prediction).reason == "The photo's file is missing. Add the photo again."


def test_a_storage_that_does_not_answer_is_no_fault_of_the_photo(prediction, monkeypatch):
    def broken(*args: object) -> None:
        raise OSError("stale file handle")

    monkeypatch.setattr(DurableFileSystemStorage, "_open", broken)
    with pytest.raises(OSError, match="stale"):
        computing.run(prediction.id)
    assert fresh(prediction).state == FAILED
    assert "Retry" in fresh(prediction).reason


def test_a_surprise_fails_with_a_reason_and_is_raised(prediction, engine):
    engine.during = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        computing.run(prediction.id)
    failed = fresh(prediction)
    assert (failed.state, failed.claim_token) == (FAILED, None)
    assert "Retry" in failed.reason


def test_a_database_that_goes_away_leaves_the_row_to_the_sweep(prediction, engine, monkeypatch, sent):
    def gone(*args: object, **options: object) -> None:
        raise DatabaseError("server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(computing, "_store", gone)
        with pytest.raises(DatabaseError):
            computing.run(prediction.id)
    assert fresh(prediction).state == RUNNING
    expire(prediction)
    queue.sweep()
    assert (str(prediction.id), "routine") in sent
    assert computing.run(prediction.id)


# --- Facts that change -----------------------------------------------------------------------------------------


def done_and_waiting(alma) -> Prediction:
    case = make_case(alma)
    image = intake.accept(case, io.BytesIO(photo()), name="a.jpg", by=case.created_by)
    lifecycle.send(case.id)
    prediction = image.predictions.get()
    computing.run(prediction.id)
    return fresh(prediction)


def test_changed_answers_are_computed_anew(alma, version, engine):
    prediction = done_and_waiting(alma)
    case = prediction.image.case
    lifecycle.change(case.id, note="Only the note.")
    assert fresh(prediction).state == DONE
    lifecycle.change(case.id, grew="yes")
    assert fresh(prediction).state == QUEUED
    computing.run(prediction.id)
    assert [answers.grew for _, answers in engine.seen] == [None, True]


def test_answers_that_change_while_it_is_computed_win(prediction, engine):
    def change() -> None:
        engine.during = lambda: None
        lifecycle.change(prediction.image.case_id, bled="yes")

    engine.during = change
    assert computing.run(prediction.id) is False
    assert fresh(prediction).state == QUEUED
    assert computing.run(prediction.id)
    assert fresh(prediction).answers["bled"] is True


def test_a_corrected_birth_date_is_computed_anew(alma, version):
    prediction = done_and_waiting(alma)
    patient = prediction.image.case.lesion.patient
    patients.update(patient, by=alma.staff, given_name="Ewa")
    assert fresh(prediction).state == DONE
    patients.update(patient, by=alma.staff, birth_date=patient.birth_date.replace(year=1990))
    assert fresh(prediction).state == QUEUED


def test_an_opinion_that_a_reader_signed_against_is_kept(alma, version):
    prediction = done_and_waiting(alma)
    case = prediction.image.case
    reads.sign(
        case_id=case.id,
        reader=alma.doctor,
        read_id=uuid4(),
        condition=Condition.objects.get(code="NEV"),
        certainty="certain",
        management="discharge",
        prediction=prediction,
        ai_visible=True,
        newest_seen=None,
    )
    asking.answers_changed(case)
    # Even if the case were open again, and even if an admin asks.
    Case.objects.filter(id=case.id).update(state=CaseState.WAITING)
    asking.answers_changed(case)
    assert asking.rerun(prediction.image) == prediction
    patients.record_consent(case.lesion.patient, "ai", "refused", alma.staff)
    kept = fresh(prediction)
    assert (kept.state, kept.finished_at, kept.probabilities) == (
        DONE,
        prediction.finished_at,
        prediction.probabilities,
    )


def test_a_rerun_asks_the_active_model(alma, version):
    prediction = done_and_waiting(alma)
    assert asking.rerun(prediction.image).state == QUEUED

    ModelVersion.objects.filter(id=version.id).update(state=ModelState.RETIRED)
    newer = registered_model()
    assert asking.rerun(prediction.image).model_version == newer
    assert prediction.image.predictions.count() == 2


@pytest.mark.parametrize("state", [QUEUED, RUNNING, DONE])
def test_retry_leaves_what_needs_none(prediction, state):
    if state != QUEUED:
        queue.claim(prediction.id) if state == RUNNING else computing.run(prediction.id)
    before = fresh(prediction)
    assert asking.retry(prediction) is None
    assert (fresh(prediction).state, fresh(prediction).claim_token) == (before.state, before.claim_token)


def test_a_case_that_becomes_urgent_moves_ahead(alma, version, sent, django_capture_on_commit_callbacks):
    case = waiting_case(alma)
    prediction = asking.request(case.images.get())
    with django_capture_on_commit_callbacks(execute=True):
        lifecycle.change(case.id, requested_urgency=Urgency.URGENT)
    assert fresh(prediction).is_urgent_queue
    assert sent == [(str(prediction.id), "urgent")]
