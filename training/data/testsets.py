"""The frozen test sets on which models are compared: splits of the folder that the operator set aside, and the signed
cases that no model learns from (training/data/snapshots.py).

Cases are a test set only where there is one clinic: every clinic's leads see every comparison.
"""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import Clinic
from training.data import snapshots
from training.data.classes import code_of
from training.data.datasets import DataError, DataSet
from training.data.datasets import load as load_folder
from training.models import Split

_FOLDER, _CASES = "folder:", "cases"
_HELD_OUT = (Split.VAL, Split.TEST)


@dataclass(frozen=True)
class TestSet:
    """One that can be chosen. `key` goes into forms and into the stored comparison."""

    __test__ = False  # no test, whatever pytest makes of its name

    key: str
    title: str


def available(*, clinics: int | None = None) -> list[TestSet]:
    """What can be chosen just now; looks at folder names, and whether a signed case is held out.

    Args:
        clinics: how many there are, where the caller has counted them.
    """
    return _folders() + (_cases() if (Clinic.objects.count() if clinics is None else clinics) == 1 else [])


def is_of_cases(key: str) -> bool:
    return key == _CASES


def _cases() -> list[TestSet]:
    patients = snapshots.eligible().values_list("case__lesion__patient", flat=True)
    held_out = any(snapshots.split_of(patient) in _HELD_OUT for patient in patients.iterator())
    return [TestSet(_CASES, _("Signed cases that were held out"))] if held_out else []


def _folders() -> list[TestSet]:
    folder = _folder()
    if folder is None:
        return []
    # SPLIT/CLASS/photo.jpg has folders in its folders; CLASS/photo.jpg has none.
    try:
        splits = sorted(
            each.name
            for each in folder.iterdir()
            if each.is_dir() and not each.name.startswith(".") and any(inner.is_dir() for inner in each.iterdir())
        )
    except OSError:
        return []
    held_out = [name for name in splits if name != "train"]
    return [TestSet(f"{_FOLDER}{name}", f"{folder.name}, {name}") for name in (held_out or ["all"])]


def load(key: str, by: str) -> tuple[DataSet, str]:
    """The data set that a test set is a split of, and the split's name.  Signed cases are frozen as they are now.

    Raises:
        DataError: there is none of that key, or its folder does not hold one.
    """
    if is_of_cases(key):
        return _held_out_cases(by)
    folder = _folder()
    if folder is None or not key.startswith(_FOLDER):
        raise DataError(_("There is no such test set: set EVALUATION_DATA_DIR to a folder of held-out photos."))
    return load_folder(folder, code_of), key.removeprefix(_FOLDER)


def _held_out_cases(by: str) -> tuple[DataSet, str]:
    dataset = snapshots.dataset(snapshots.take(by=by))
    held_out = [split for split in _HELD_OUT if split in dataset.splits]
    if not held_out:
        raise DataError(_("No signed case is held out yet: sign more cases first."))
    return dataset, ",".join(held_out)


def _folder() -> Path | None:
    folder = Path(settings.EVALUATION_DATA_DIR) if settings.EVALUATION_DATA_DIR else None
    return folder if folder and folder.is_dir() else None
