"""A model's life in a real browser: trained on photos and signed cases, compared, promoted, asked, rolled back."""

import io
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connection
from django.urls import reverse
from playwright.sync_api import Page, expect

from cases.models import Case, Consent, Patient, Prediction
from cases.photo import intake
from cases.prediction import computing, rescoring
from cases.record import lifecycle, patients
from cases.vocabulary import conditions
from inference import promotion, registry
from inference.models import Activation, Comparison, ModelVersion
from tests.browser.looks import DESK, PHONE, is_sound
from tests.cases.test_rescoring import signed_case
from tests.cast import make_case, make_patient
from tests.inference import small_bundle
from tests.training import drawn
from tests.training.test_snapshots import sign
from training.comparing import comparisons
from training.models import RunState, TrainingRun
from training.runs import trainer

pytestmark = pytest.mark.one_pair


@contextmanager
def training_worker(run: TrainingRun, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Carries the run out as the training worker does, in a process of its own on this test's database."""
    database = connection.settings_dict["NAME"]
    own = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{database}",
        "VAR_DIR": str(settings.VAR),
        "BUNDLE_ROOT": str(settings.BUNDLE_ROOT),
        "MEDIA_ROOT": str(settings.MEDIA_ROOT),
        "TRAINING_DATA_DIR": settings.TRAINING_DATA_DIR,
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    monkeypatch.setattr(trainer, "environment", lambda: own)
    monkeypatch.setattr(trainer, "NICENESS", 0)  # other tests beside this one would never let it have its turn

    def work() -> None:
        try:
            trainer.work(run.id)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join(120)


@pytest.fixture
def held_out(settings, tmp_path) -> None:
    settings.BUNDLE_ROOT = tmp_path / "bundles"
    data = drawn.folder(tmp_path / "drawn", {"NEV": 40, "MEL": 40}, splits=("train", "test"))
    settings.EVALUATION_DATA_DIR = settings.TRAINING_DATA_DIR = str(data)
    settings.VAR = tmp_path / "var"


@pytest.fixture
def active(held_out, tmp_path) -> ModelVersion:
    """A model that has learned nothing and flags nobody."""
    thresholds = {**small_bundle.spec()["thresholds"], "urgent": {"threshold": 1.0}}
    registry.register(small_bundle.write(tmp_path / "old", name="old-1", thresholds=thresholds))
    return promotion.promote("old-1", reason="The first one.", by="seed")


def new_photo(cast, seed: int, patient: Patient | None = None) -> Case:
    """A case with one drawn photo, whose prediction is computed as a worker would."""
    case = make_case(cast, patient)
    content = io.BytesIO()
    drawn.photo("MEL", seed, side=400).save(content, "JPEG")
    content.seek(0)
    image = intake.accept(case, content, name="photo.jpg", by=cast.staff)
    computing.run(Prediction.objects.get(image=image).id)
    return case


def lesson(cast, seed: int) -> Patient:
    """A patient with a photo to learn from: of a signed case, with consent to training use."""
    patient = make_patient(cast, training_consent=Consent.GRANTED)
    case = lifecycle.send(new_photo(cast, seed, patient).id)
    sign(case, "MEL", cast.doctor)
    return patient


def model_named_on(page: Page, case: Case) -> str:
    page.goto(reverse("case_detail", args=[case.id]))
    return page.locator("#opinion").inner_text()


def test_train_compare_promote_predict_roll_back(alma, active, browse_as, monkeypatch):
    conditions.load_vocabulary()
    learnt_from = [lesson(alma, seed) for seed in (301, 302)]
    page = browse_as(alma.lead)
    page.goto(reverse("home"))
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Models").click()
    is_sound(page, PHONE, DESK)

    # --- Trained ------------------------------------------------------------------------------------
    page.get_by_role("link", name="Train a model").click()
    expect(page.get_by_text("2 close-ups of 2 patients may be learnt from")).to_be_visible()
    expect(page.get_by_label("Both")).to_be_checked()
    page.get_by_label("Small network").check()
    page.get_by_label("Name of the new model").fill("Drawn 1")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("lower-case letters, digits, dashes").first).to_be_visible()
    is_sound(page, PHONE, DESK)
    page.get_by_label("Name of the new model").fill("drawn-1")
    page.get_by_label("Most epochs").fill("12")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("It waits for the training worker")).to_be_visible()
    with training_worker(TrainingRun.objects.get(), monkeypatch):
        expect(page.get_by_text(re.compile("left$"))).to_be_visible(timeout=120_000)
        expect(page.get_by_text("drawn-1 is a candidate now")).to_be_visible(timeout=120_000)
    candidate = ModelVersion.objects.get(name="drawn-1")
    expect(page.get_by_role("img", name=re.compile(r"Loss over \d+ epochs"))).to_be_visible()
    expect(page.get_by_text("2 photos of 2 patients", exact=True)).to_be_visible()
    is_sound(page, PHONE, DESK)
    page.get_by_role("link", name="Look at drawn-1").click()

    # --- What it is ---------------------------------------------------------------------------------
    expect(page.get_by_role("heading", name="drawn-1", exact=True)).to_be_visible()
    expect(page.get_by_text("drawn-1 was not compared with the active model old-1 yet")).to_be_visible()
    roc = page.get_by_role("img", name=re.compile("ROC curve"))
    roc.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.plot img').naturalWidth > 100")
    is_sound(page, PHONE, DESK)

    # --- Compared -----------------------------------------------------------------------------------
    page.get_by_label("Test set").select_option("drawn, test")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("It waits for the training worker")).to_be_visible()
    is_sound(page, PHONE, DESK)
    comparisons.run(Comparison.objects.get().id)
    expect(page.get_by_text("80 photos of 80 patients, 40 of them malignant")).to_be_visible(timeout=10_000)
    expect(page.get_by_text("the candidate's sensitivity is not worse")).to_be_visible()
    is_sound(page, PHONE, DESK)

    # --- Promoted -----------------------------------------------------------------------------------
    page.get_by_role("link", name="Make drawn-1 active").click()
    page.get_by_role("button", name="Make active").click()
    assert registry.active() == active, "without a reason nothing happens"
    page.get_by_label("Reason").fill("Finds the melanomas that the old one misses.")
    is_sound(page, PHONE, DESK)
    page.get_by_role("button", name="Make active").click()
    expect(page.get_by_text("drawn-1 is the active model.")).to_be_visible()
    assert registry.active() == candidate

    # --- Asked about a patient ----------------------------------------------------------------------
    cases = [new_photo(alma, seed) for seed in (7, 11, 12)]
    case = cases[0]
    assert "drawn-1" in model_named_on(page, case)
    # Flagged at 95 % sensitivity: one melanoma may be missed, three of three are not.
    assert Case.objects.filter(id__in=[each.id for each in cases], flagged_by_ai=True).exists()

    # --- Learnt from one who would rather not -------------------------------------------------------
    patients.record_consent(learnt_from[0], "training", Consent.REFUSED, alma.staff)
    page.goto(reverse("model_detail", args=[candidate.id]))
    expect(page.get_by_text("1 patient whose photos this model was made with took the consent")).to_be_visible()

    # --- Rolled back --------------------------------------------------------------------------------
    page.goto(reverse("model_list"))
    page.get_by_role("link", name="Roll back to old-1").click()
    expect(page.get_by_label("Reason")).to_have_value("drawn-1 does worse in practice than old-1.")
    is_sound(page, PHONE, DESK)
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("old-1 is the active model again.")).to_be_visible()
    assert "old-1" in model_named_on(page, new_photo(alma, seed=8))
    assert "drawn-1" in model_named_on(page, case), "an opinion that was given stays"
    kinds = Activation.objects.order_by("at").values_list("kind", "by")
    assert list(kinds)[1:] == [("promoted", str(alma.lead)), ("rolled_back", str(alma.lead))]


def test_a_training_is_watched_and_cancelled(alma, active, browse_as, monkeypatch):
    """Live progress, then Cancel: the process ends, and what was learnt is kept to go on with."""
    page = browse_as(alma.lead)
    page.goto(reverse("training_new"))
    page.get_by_label("The photos in the folder").check()
    page.get_by_label("Small network").check()
    page.get_by_label("Name of the new model").fill("given-up-1")
    page.get_by_label("Most epochs").fill("12")
    page.get_by_role("button", name="Start training").click()
    run = TrainingRun.objects.get()
    with training_worker(run, monkeypatch):
        # Nothing is reloaded by hand: stage, epochs, bar and time left come by themselves.
        expect(page.get_by_text(re.compile(r"Fold \d of \d, \d+ of 12"))).to_be_visible(timeout=120_000)
        expect(page.get_by_text(re.compile("left$"))).to_be_visible()
        bar = page.get_by_role("progressbar", name="Progress")
        shown = float(bar.get_attribute("value") or 0)
        page.wait_for_function(
            "shown => document.querySelector('progress.bar').value > shown", arg=shown, timeout=120_000
        )
        expect(page.get_by_role("img", name=re.compile("Loss over [0-9]+ epochs"))).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("can go on where it was")).to_be_visible(timeout=120_000)
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert not ModelVersion.objects.filter(name="given-up-1").exists()
    expect(page.get_by_role("button", name="Go on with it")).to_be_visible()
    is_sound(page, PHONE, DESK)


def test_shadow_and_signed_cases(alma, active, browse_as, tmp_path):
    """The shadow's counts, and the signed cases that it would flag, ticked off one by one."""
    thresholds = {**small_bundle.spec()["thresholds"], "urgent": {"threshold": 0.0}}
    eager = registry.register(small_bundle.write(tmp_path / "new", seed=4, name="eager-1", thresholds=thresholds))
    page = browse_as(alma.lead)
    page.goto(reverse("model_detail", args=[eager.id]))
    page.get_by_text("Make it the shadow").click()
    page.locator("#id_shadow-reason").fill("See how it does on live photos.")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("eager-1 scores new photos silently from now on.")).to_be_visible()

    case = new_photo(alma, seed=9)
    computing.run(Prediction.every.get(image__case=case, silent=True).id)
    assert "eager-1" not in model_named_on(page, case)
    page.goto(reverse("model_detail", args=[eager.id]))
    expect(page.get_by_text("1 by it alone")).to_be_visible()
    is_sound(page, PHONE, DESK)

    signed = signed_case(alma)
    file = case.images.get()
    signed.images.update(derivative=file.derivative.name)
    page.reload()
    page.get_by_role("button", name="Score 1 photo").click()
    expect(page.get_by_text("0 of 1 photos scored")).to_be_visible()
    rescoring.work(eager.rescorings.get().id)
    page.get_by_role("link", name="1 signed case that it would flag urgent").click(timeout=10_000)
    expect(page.get_by_role("link", name=str(signed.lesion.patient))).to_be_visible()
    is_sound(page, PHONE, DESK)
    page.get_by_role("button", name=f"{signed.reference} looked at").click()
    expect(page.get_by_role("table").get_by_text(alma.lead.name)).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name=f"{signed.reference} looked at")).to_be_visible()
