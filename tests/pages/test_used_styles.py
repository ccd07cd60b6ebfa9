"""The pages' part of Tabler's style sheet is the one that they need today."""

from tests.pages.used_styles import USED, used_styles


def test_the_sheet_holds_what_the_pages_use():
    remedy = "run `python -m tests.pages.used_styles`"
    assert USED.read_text(encoding="utf-8") == used_styles(), remedy


def test_what_pages_use_is_in_it():
    sheet = USED.read_text(encoding="utf-8")
    for rule in (".btn{", ".visually-hidden", ".progress", "[data-bs-theme=dark]"):
        assert rule in sheet
    assert ".dropdown" not in sheet
