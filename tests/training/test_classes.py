import pytest

from training.data.classes import code_of, describe
from training.data.datasets import DataError


@pytest.mark.parametrize("folder", ["MEL", "mel", "Melanoma", "malignant_melanoma", "Malignant-Melanoma"])
def test_a_folder_is_known_by_code_name_or_synonym(folder):
    assert code_of(folder) == "MEL"


def test_an_unknown_folder_keeps_its_name():
    assert code_of("heel_spur") == "heel_spur"


def test_classes_come_from_the_vocabulary():
    classes, unsaid = describe(["BCC", "NEV"])
    assert [(each.code, each.icd10, each.malignant) for each in classes] == [
        ("BCC", "C44.91", True),
        ("NEV", "D22.9", False),
    ]
    assert unsaid == []


def test_a_class_of_unknown_nature_is_benign_until_said_and_named():
    classes, unsaid = describe(["NEV", "lump"])
    assert (classes[1].malignant, unsaid) == (False, ["lump"])
    classes, unsaid = describe(["NEV", "lump"], malignant=["lump"])
    assert (classes[1].malignant, unsaid) == (True, [])


def test_a_malignant_class_that_is_not_there_is_refused():
    with pytest.raises(DataError, match=r"^--malignant names MEL, which is not a class of the data set\.$"):
        describe(["NEV", "BCC"], malignant=["melanoma"])


def test_the_vocabulary_is_not_overruled():
    with pytest.raises(DataError, match=r"^--malignant names NEV, which the condition vocabulary holds to be benign"):
        describe(["NEV", "BCC"], malignant=["NEV"])
