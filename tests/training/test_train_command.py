"""The whole way, by the commands: drawn photos in, a bundle out that the engine serves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from inference import registry
from inference.bundle import Bundle
from inference.models import ModelState, ModelVersion
from tests.training import drawn

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.training
ATTRIBUTION = "Drawn by the tests of this project."


def train(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """The train command in a process of its own, against an empty database without tables."""
    return subprocess.run(
        [sys.executable, "-m", "django", "train", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "skinclinic.settings",
            "DATABASE_URL": f"sqlite:///{folder / 'empty.sqlite3'}",
            "VAR_DIR": str(folder / "var"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


# Of the session, since tests with and without a database do not follow each other, and a module's would run twice.
@pytest.fixture(scope="session")
def student(tmp_path_factory):
    """One run of the small network: (folder, data, what it said)."""
    folder = tmp_path_factory.mktemp("student")
    data = drawn.folder(folder / "data", {"NEV": 16, "MEL": 16, "BCC": 16})
    (data / "train/NEV/broken.png").write_bytes(b"not a picture")
    run = train(
        folder,
        *("--data", str(data), "--network", "student", "--epochs", "12", "--folds", "2", "--name", "drawn-1"),
        *("--out", str(folder / "out"), "--attribution", ATTRIBUTION),
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return folder / "out", data, run.stdout


def test_it_counts_first_and_lists_what_it_skipped(student):
    _out, _data, said = student
    assert said.split("\n")[0].split() == ["split", "class", "photos", "patients"]
    assert "Skipped 1 files that cannot be read: train/NEV/broken.png" in said
    assert "Fold 2 of 2" in said


def test_it_says_when_there_is_no_database_to_register_in(student):
    assert "Not registered: the database has no tables yet." in student[2]


def test_it_leaves_pictures_a_card_and_no_litter(student):
    out, _data, _said = student
    drawings = {"confusion.svg", "recall.svg", "reliability.svg", "coverage.svg", "roc.svg", "curves.svg", "groups.svg"}
    assert {each.name for each in out.iterdir()} == {"bundle", *drawings}
    for name in drawings:
        assert (out / name).read_text(encoding="utf-8").rstrip().endswith("</svg>")
    card = (out / "bundle" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert ATTRIBUTION in card
    assert "python manage.py train --data data --name drawn-1 --network student --splits train --epochs 12" in card
    assert "| MEL | Melanoma | C43.9 | yes |" in card
    assert "| sex | female | 24 | " in card
    assert "| age | 80+ | 0 |" not in card


def test_it_learned_to_tell_the_drawings_apart(student):
    metrics = Bundle.load(student[0] / "bundle").spec["metrics"]
    assert metrics["val"]["n"] == 48
    assert metrics["val"]["accuracy"] >= 0.8
    assert metrics["cross_validation"]["n"] == 48


@pytest.mark.parametrize("alone", [False, True])
def test_evaluate_says_what_the_bundle_says_of_itself(student, tmp_path, alone):
    out, data, _said = student
    call_command(
        "evaluate", data=data, split="val", model=str(out / "bundle"), without_answers=alone, json=tmp_path / "e.json"
    )
    evaluated = json.loads((tmp_path / "e.json").read_text())
    recorded = Bundle.load(out / "bundle").spec["metrics"]["val_photo_alone" if alone else "val"]
    assert {key: evaluated[key] for key in recorded} == recorded
    promised = {
        *("n", "classes", "accuracy", "balanced_accuracy", "macro_f1", "malignant_auc", "malignant_sensitivity"),
        *("malignant_specificity", "per_class", "ece", "accuracy_at_80_coverage", "confusion"),
        *("accuracy_ci", "balanced_accuracy_ci", "macro_f1_ci", "malignant_auc_ci", "malignant_sensitivity_ci"),
        *("malignant_specificity_ci", "accuracy_at_80_coverage_ci"),
    }
    assert promised <= set(evaluated)


def test_evaluate_refuses_a_class_the_model_does_not_know(student, tmp_path):
    data = drawn.folder(tmp_path, {"NEV": 2, "tinea": 2})
    with pytest.raises(CommandError, match="does not know the class"):
        call_command("evaluate", data=data, split="val", model=str(student[0] / "bundle"))


@pytest.mark.one_pair
@pytest.mark.django_db
def test_the_bundle_registers_as_a_candidate_once(student, settings, tmp_path):
    settings.BUNDLE_ROOT = tmp_path
    version = registry.register(student[0] / "bundle")
    assert version.state == ModelState.CANDIDATE
    assert version.classes == ["BCC", "MEL", "NEV"]
    assert registry.register(student[0] / "bundle") == version
    call_command("classify", str(student[1] / "val/MEL/mel-65.png"), model="drawn-1")


def test_a_taken_folder_is_refused_in_one_sentence(student):
    out, data, _said = student
    with pytest.raises(CommandError, match=r"bundle exists already: choose another --name or --out\.$"):
        call_command("train", data=data, out=out)


def test_without_an_unfinished_run_there_is_nothing_to_go_on_with():
    with pytest.raises(CommandError, match=r"^There is no unfinished run to go on with in "):
        call_command("train", resume=True, name="never-begun")


def test_a_hopeless_data_set_is_refused_in_one_sentence(tmp_path):
    data = drawn.folder(tmp_path / "data", {"NEV": 3})
    with pytest.raises(CommandError, match=r"^There is only one class, NEV: a model needs at least two"):
        call_command("train", data=data, out=tmp_path / "out")


def test_a_class_whose_files_are_all_broken_is_refused_in_one_sentence(tmp_path):
    data = drawn.folder(tmp_path / "data", {"NEV": 8, "MEL": 8, "BCC": 2}, splits=(), metadata=False)
    for number, file in enumerate((data / "BCC").iterdir()):
        file.write_bytes(b"not a picture %d" % number)
    wishes = {"network": "student", "epochs": 1, "folds": 2}
    with pytest.raises(CommandError, match=r"^No photo of the class BCC can be read: mend its files"):
        call_command("train", data=data, out=tmp_path / "out", **wishes)


@pytest.mark.one_pair
@pytest.mark.django_db
def test_the_head_alone_trains_on_a_bare_folder_of_classes(settings, tmp_path, capsys):
    settings.BUNDLE_ROOT = tmp_path / "registered"
    data = drawn.folder(tmp_path / "bare", {"lump": 12, "NEV": 12}, splits=(), metadata=False)
    wishes = {"network": "lite0", "quick": True, "epochs": 6, "folds": 2, "malignant": "lump"}
    call_command("train", data=data, out=tmp_path / "out", **wishes)
    assert "The folder has no splits" in capsys.readouterr().out
    assert ModelVersion.objects.get().state == ModelState.CANDIDATE
    bundle = Bundle.load(tmp_path / "out" / "bundle")
    assert bundle.size == 224
    assert [(each.code, each.malignant) for each in bundle.conditions] == [("NEV", False), ("lump", True)]
    assert bundle.spec["metrics"]["val"]["n"] == 4
