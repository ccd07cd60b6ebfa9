import shutil

import pytest

from inference.answers import Answers
from tests.training import drawn
from training.data.datasets import DataError, check, decode, folds_by_patient, load


@pytest.fixture
def folder(tmp_path):
    return drawn.folder(tmp_path / "data", {"NEV": 4, "MEL": 3}, photos_per_patient=2)


def change(folder, index, **values):
    rows = drawn.read_metadata(folder)
    rows[index].update(values)
    drawn.write_metadata(folder, rows)


def test_counts_name_photos_and_patients(folder):
    assert load(folder).counts() == [
        ("train", "MEL", 3, 2),
        ("train", "NEV", 4, 2),
        ("val", "MEL", 3, 2),
        ("val", "NEV", 4, 2),
    ]


def test_the_columns_of_pad_ufes_are_understood(folder):
    change(folder, 0, age="63.0", region="LOWER LEG", itch="UNK", bleed="True")
    example = load(folder).examples[[each.file for each in load(folder).examples].index("train/NEV/nev-1.png")]
    assert example.answers == Answers(age=63, site="lower_leg", bled=True)
    assert example.groups["gender"] == "MALE"
    assert "age" not in example.groups


def test_columns_that_are_no_answers_never_reach_a_network(folder):
    before = [example.answers for example in load(folder).examples]
    rows = drawn.read_metadata(folder)
    drawn.write_metadata(folder, [{**row, "gender": "", "fitspatrick": "5"} for row in rows])
    assert [example.answers for example in load(folder).examples] == before


def test_an_unknown_answer_value_is_refused(folder):
    change(folder, 0, itch="sometimes")
    with pytest.raises(DataError) as refusal:
        load(folder)
    assert str(refusal.value) == (
        "metadata.csv, train/NEV/nev-1.png: “itch” must be yes, no or unknown, not “sometimes”."
    )


def test_a_column_that_nobody_knows_is_refused(folder):
    rows = drawn.read_metadata(folder)
    drawn.write_metadata(folder, [{**row, "itches": row["itch"]} for row in rows])
    with pytest.raises(DataError, match=r"metadata\.csv has the column “itches”, which is neither an answer"):
        load(folder)


def test_metadata_without_files_is_refused(folder):
    rows = drawn.read_metadata(folder)
    drawn.write_metadata(folder, [{"name": row["file"]} for row in rows])
    with pytest.raises(DataError, match=r"metadata\.csv has no column “file”\.$"):
        load(folder)


def test_a_folder_without_photos_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"^There is no data set in "):
        load(tmp_path / "nowhere")
    with pytest.raises(DataError, match="must hold photos as SPLIT/CLASS/photo"):
        load(tmp_path)


def test_hidden_files_are_no_photos_wherever_the_folder_lies(folder, monkeypatch):
    (folder / ".trash").mkdir()
    shutil.copy(folder / "train/NEV/nev-1.png", folder / ".trash/nev-1.png")
    shutil.copy(folder / "train/NEV/nev-1.png", folder / "train/NEV/.nev-1.png")
    monkeypatch.chdir(folder / "train")
    assert load("..").counts() == load(folder).counts()
    assert all("/." not in each.file for each in load("..").examples)


def test_photos_at_two_depths_are_refused(folder):
    shutil.copy(folder / "train/NEV/nev-1.png", folder / "train/stray.png")
    with pytest.raises(DataError, match="only in one of the two ways"):
        load(folder)


def test_one_class_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"^There is only one class, NEV: a model needs at least two to tell apart\.$"):
        check(load(drawn.folder(tmp_path, {"NEV": 4})))


def test_a_class_with_a_single_patient_is_refused(tmp_path):
    folder = drawn.folder(tmp_path, {"NEV": 4, "MEL": 2}, photos_per_patient=2)
    with pytest.raises(DataError, match=r"^The class MEL has one patient to train on: at least two are needed"):
        check(load(folder))


def test_a_class_that_only_the_held_out_split_has_is_refused(folder):
    shutil.rmtree(folder / "train" / "MEL")
    with pytest.raises(DataError, match=r"^The class MEL has no patient to train on"):
        check(load(folder))


def test_a_patient_in_two_splits_is_refused(folder):
    change(folder, 0, patient_id="val-NEV-1")
    with pytest.raises(DataError, match="is in the splits train and val: results would be too good to be true"):
        check(load(folder))


def test_one_picture_in_two_splits_is_refused(folder):
    shutil.copy(folder / "train/NEV/nev-1.png", folder / "val/NEV/another-name.png")
    with pytest.raises(DataError, match=r"are the same picture in two splits\.$"):
        check(load(folder))


def test_a_sound_data_set_passes(folder):
    check(load(folder))


def test_broken_files_are_listed_and_skipped(folder):
    (folder / "train/NEV/nev-1.png").write_bytes(b"not a picture")
    whole = (folder / "train/NEV/nev-2.png").read_bytes()
    (folder / "train/NEV/nev-2.png").write_bytes(whole[: len(whole) // 2])
    readable, pixels, broken = decode(load(folder).split("train"), 32)
    assert broken == ["train/NEV/nev-1.png", "train/NEV/nev-2.png"]
    assert pixels.shape == (5, 32, 32, 3)
    assert len(readable.examples) == 5


class TestWithoutSplitsAndMetadata:
    @pytest.fixture
    def bare(self, tmp_path):
        return drawn.folder(tmp_path / "bare", {"acne": 20, "tinea": 13}, splits=(), metadata=False)

    def test_splits_are_made_and_said(self, bare):
        dataset = load(bare)
        assert [(split, label, n) for split, label, n, _patients in dataset.counts()] == [
            ("train", "acne", 17),
            ("train", "tinea", 11),
            ("val", "acne", 3),
            ("val", "tinea", 2),
        ]
        assert dataset.notes == (
            "No patient is known for 33 of 33 photos: each counts as its own patient.",
            "The folder has no splits: about 16% of the patients of each class are held out as val.",
        )
        check(dataset)

    def test_the_same_photos_are_held_out_every_time(self, bare):
        assert load(bare).examples == load(bare).examples

    def test_copies_of_a_picture_stay_together(self, bare):
        for example in load(bare).split("val").examples:
            shutil.copy(bare / example.file, bare / example.label / f"copy-of-{example.file.split('/')[1]}")
        check(load(bare))

    def test_patients_stay_together(self, tmp_path):
        bare = drawn.folder(tmp_path, {"NEV": 24, "MEL": 24}, splits=(), photos_per_patient=3)
        dataset = load(bare)
        check(dataset)
        assert set(dataset.splits) == {"train", "val"}


def test_the_manifest_changes_with_content_label_and_patient(folder):
    before = load(folder).manifest_hash()
    assert load(folder).manifest_hash() == before
    change(folder, 0, patient_id="train-NEV-1")
    other_patient = load(folder).manifest_hash()
    drawn.photo("NEV", 999).save(folder / "train/NEV/nev-1.png")
    other_picture = load(folder).manifest_hash()
    assert len({before, other_patient, other_picture}) == 3


def test_an_unknown_split_is_named(folder):
    with pytest.raises(DataError, match=r"^The data set has no split “test”; it has train, val\.$"):
        load(folder).split("test")
    assert len(load(folder).split("all").examples) == 14


class TestFolds:
    def test_no_patient_is_in_two_and_every_class_is_in_all(self, tmp_path):
        dataset = load(drawn.folder(tmp_path, {"NEV": 30, "MEL": 9, "BCC": 17}, ("train",), photos_per_patient=2))
        fold = folds_by_patient(dataset, 4, seed=1)
        for each in range(4):
            held = {example.patient for example, its in zip(dataset.examples, fold, strict=True) if its == each}
            rest = {example.patient for example, its in zip(dataset.examples, fold, strict=True) if its != each}
            assert not held & rest
            labels = [example.label for example, its in zip(dataset.examples, fold, strict=True) if its == each]
            assert set(labels) == {"NEV", "MEL", "BCC"}
            assert 6 <= labels.count("NEV") <= 8

    def test_a_class_with_two_patients_still_gives_two_folds(self, tmp_path):
        dataset = load(drawn.folder(tmp_path, {"NEV": 8, "MEL": 2}, ("train",)))
        assert set(folds_by_patient(dataset, 5, seed=1)) == {0, 1}

    def test_the_seed_decides(self, folder):
        dataset = load(folder)
        assert (folds_by_patient(dataset, 2, seed=3) == folds_by_patient(dataset, 2, seed=3)).all()
