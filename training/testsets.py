"""The frozen test sets on which models are compared: the splits of the folder that the operator set aside."""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from training.classes import code_of
from training.datasets import DataError, DataSet
from training.datasets import load as load_folder

_FOLDER = "folder:"


@dataclass(frozen=True)
class TestSet:
    """One that can be chosen. `key` goes into forms and into the stored comparison."""

    __test__ = False  # no test, whatever pytest makes of its name

    key: str
    title: str


def available() -> list[TestSet]:
    """What can be chosen just now; looks at folder names only."""
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


def load(key: str) -> tuple[DataSet, str]:
    """The data set that a test set is a split of, and the split's name.

    Raises:
        DataError: there is none of that key, or its folder does not hold one.
    """
    folder = _folder()
    if folder is None or not key.startswith(_FOLDER):
        raise DataError(_("There is no such test set: set EVALUATION_DATA_DIR to a folder of held-out photos."))
    return load_folder(folder, code_of), key.removeprefix(_FOLDER)


def _folder() -> Path | None:
    folder = Path(settings.EVALUATION_DATA_DIR) if settings.EVALUATION_DATA_DIR else None
    return folder if folder and folder.is_dir() else None
