"""A model's life in a real browser: trained on drawn photos, compared, promoted, asked about a patient, rolled back."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as project
from django.urls import reverse
from playwright.sync_api import Page, expect

from cases import conditions, intake, predictions, rescoring
from cases.models import Case, Prediction
from inference import promotion, registry
from inference.models import Activation, Comparison, ModelVersion
from tests.cases.test_rescoring import signed_case
from tests.cast import make_case
from tests.inference import small_bundle
from tests.training import drawn
from training import comparisons

pytestmark = pytest.mark.one_pair
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def train(folder: Path, data: Path, name: str) -> Path:
    """The command as an operator gives it, in a process of its own; the bundle's folder."""
    run = subprocess.run(
        [
            *(sys.executable, "-m", "django", "train", "--data", str(data), "--network", "student", "--epochs", "8"),
            *("--folds", "2", "--name", name, "--out", str(folder / "out")),
        ],
        cwd=project.BASE_DIR,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "skinclinic.settings",
            "DATABASE_URL": f"sqlite:///{folder / 'empty.sqlite3'}",
            "VAR_DIR": str(folder / "var"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return folder / "out" / "bundle"


@pytest.fixture
def held_out(settings, tmp_path) -> None:
    settings.BUNDLE_ROOT = tmp_path / "bundles"
    data = drawn.folder(tmp_path / "drawn", {"NEV": 40, "MEL": 40}, splits=("train", "test"))
    settings.EVALUATION_DATA_DIR = str(data)


@pytest.fixture
def active(held_out, tmp_path) -> ModelVersion:
    """A model that has learned nothing and flags nobody."""
    thresholds = {**small_bundle.spec()["thresholds"], "urgent": {"threshold": 1.0}}
    registry.register(small_bundle.write(tmp_path / "old", name="old-1", thresholds=thresholds))
    return promotion.promote("old-1", reason="The first one.", by="seed")


def looks_right(page: Page) -> None:
    """Nothing sticks out at the side, and nothing that axe finds, at a desk and on a phone."""
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        found = [f"{each['id']}: {each['nodes'][0]['html']}" for each in Axe().run(page).response["violations"]]
        assert found == []


def new_photo(cast, seed: int) -> Case:
    """A case with one drawn photo, whose prediction is computed as a worker would."""
    case = make_case(cast)
    content = io.BytesIO()
    drawn.photo("MEL", seed, side=400).save(content, "JPEG")
    content.seek(0)
    image = intake.accept(case, content, name="photo.jpg", by=cast.staff)
    predictions.run(Prediction.objects.get(image=image).id)
    return case


def model_named_on(page: Page, case: Case) -> str:
    page.goto(reverse("case_detail", args=[case.id]))
    return page.locator("#opinion").inner_text()


def test_train_compare_promote_predict_roll_back(alma, active, browse_as, tmp_path, settings):
    conditions.load_vocabulary()
    candidate = registry.register(train(tmp_path, Path(settings.EVALUATION_DATA_DIR), "drawn-1"))
    page = browse_as(alma.lead)
    page.goto(reverse("home"))
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Models").click()
    looks_right(page)
    page.get_by_role("link", name="drawn-1").click()

    # --- What it is ---------------------------------------------------------------------------------
    expect(page.get_by_role("heading", name="drawn-1", exact=True)).to_be_visible()
    expect(page.get_by_text("drawn-1 was not compared with the active model old-1 yet")).to_be_visible()
    roc = page.get_by_role("img", name=re.compile("ROC curve"))
    roc.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.plot img').naturalWidth > 100")
    looks_right(page)

    # --- Compared -----------------------------------------------------------------------------------
    page.get_by_label("Test set").select_option("drawn, test")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("It waits for the training worker")).to_be_visible()
    looks_right(page)
    comparisons.run(Comparison.objects.get().id)
    expect(page.get_by_text("80 photos of 80 patients, 40 of them malignant")).to_be_visible(timeout=10_000)
    expect(page.get_by_text("the candidate's sensitivity is not worse")).to_be_visible()
    looks_right(page)

    # --- Promoted -----------------------------------------------------------------------------------
    page.get_by_role("link", name="Make drawn-1 active").click()
    page.get_by_role("button", name="Make active").click()
    assert registry.active() == active, "without a reason nothing happens"
    page.get_by_label("Reason").fill("Finds the melanomas that the old one misses.")
    looks_right(page)
    page.get_by_role("button", name="Make active").click()
    expect(page.get_by_text("drawn-1 is the active model.")).to_be_visible()
    assert registry.active() == candidate

    # --- Asked about a patient ----------------------------------------------------------------------
    case = new_photo(alma, seed=7)
    assert "drawn-1" in model_named_on(page, case)
    case.refresh_from_db()
    assert case.flagged_by_ai

    # --- Rolled back --------------------------------------------------------------------------------
    page.goto(reverse("model_list"))
    page.get_by_role("link", name="Roll back to old-1").click()
    expect(page.get_by_label("Reason")).to_have_value("drawn-1 does worse in practice than old-1.")
    looks_right(page)
    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("old-1 is the active model again.")).to_be_visible()
    assert "old-1" in model_named_on(page, new_photo(alma, seed=8))
    assert "drawn-1" in model_named_on(page, case), "an opinion that was given stays"
    kinds = Activation.objects.order_by("at").values_list("kind", "by")
    assert list(kinds)[1:] == [("promoted", str(alma.lead)), ("rolled_back", str(alma.lead))]


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
    predictions.run(Prediction.every.get(image__case=case, silent=True).id)
    assert "eager-1" not in model_named_on(page, case)
    page.goto(reverse("model_detail", args=[eager.id]))
    expect(page.get_by_text("1 by it alone")).to_be_visible()
    looks_right(page)

    signed = signed_case(alma)
    file = case.images.get()
    signed.images.update(derivative=file.derivative.name)
    page.reload()
    page.get_by_role("button", name="Score 1 photo").click()
    expect(page.get_by_text("0 of 1 photos scored")).to_be_visible()
    rescoring.work(eager.rescorings.get().id)
    page.get_by_role("link", name="1 signed case that it would flag urgent").click(timeout=10_000)
    expect(page.get_by_role("link", name=str(signed.lesion.patient))).to_be_visible()
    looks_right(page)
    page.get_by_role("button", name=f"{signed.reference} looked at").click()
    expect(page.get_by_role("table").get_by_text(alma.lead.name)).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name=f"{signed.reference} looked at")).to_be_visible()
