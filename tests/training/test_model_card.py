"""The command of a model card is the one that made the model."""

import shlex
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from training.fitting.model_card import command
from training.management.commands.train import Command
from training.recipe import Options, quick_recipe, recipe_of

ATTRIBUTION = "Photos of “O'Hara” & others, CC BY 4.0."
PLAIN = Options(data=Path("photos"), name="one", out=Path("out"))


def parsed(written: str) -> Options:
    """What `train` makes of the command."""
    python, manage, train, *arguments = shlex.split(written)
    assert (python, manage, train) == ("python", "manage.py", "train")
    given = vars(Command().create_parser("manage.py", "train").parse_args(arguments))
    return replace(Command()._wanted(given), out=Path("out"))


@pytest.mark.parametrize(
    "options",
    [
        PLAIN,
        replace(PLAIN, quick=True, recipe=replace(quick_recipe(), epochs=4), malignant=("lump", "wart")),
        replace(PLAIN, network="student", recipe=replace(recipe_of("student"), epochs=7), seed=3, folds=4),
        replace(
            PLAIN,
            network="lite0",
            splits="train,val",
            tune_from=12,
            not_a_lesion=Path("no lesions"),
            attribution=ATTRIBUTION,
            recipe=replace(recipe_of("lite0"), fits=2),
        ),
    ],
)
def test_it_asks_for_the_same_again(options):
    assert parsed(command({"asked": options.asked}, options.attribution)) == options


def test_it_names_no_place_on_this_machine(tmp_path):
    options = replace(PLAIN, data=tmp_path / "photos", not_a_lesion=tmp_path / "others")
    written = command({"asked": options.asked}, "")
    assert str(tmp_path) not in written
    assert "--data photos " in written
    assert written.endswith("--not-a-lesion others")


@pytest.mark.parametrize("of_one_clinic", [True, False])
def test_signed_cases_are_asked_for_as_they_were(of_one_clinic):
    """The clinic's name is not for the other clinics, which see the model too."""
    options = replace(PLAIN, data=None, snapshot=uuid4())
    facts = {"of_one_clinic": of_one_clinic, "includes_unconfirmed": True}
    words = shlex.split(command({"asked": options.asked, "snapshot": facts}, ""))
    assert {"--from-cases", "--include-unconfirmed"} < set(words)
    assert "--data" not in words
    assert ("--clinic" in words) == of_one_clinic
