"""The part of Tabler's style sheet that our pages use: a browser goes through a style sheet anew for each page.

    python -m tests.pages.used_styles      # writes it: after one of Tabler's classes has come or gone, or a new release

A selector stays if its classes are words of ours, of a template, a script or a Python file; a custom property or an
animation stays if something asks for it that stays, or a style sheet of ours. A word too many costs a rule; none is
missed unless a class is put together from pieces.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import tinycss2
from tinycss2.ast import AtRule, Declaration, Node, QualifiedRule

ROOT = Path(__file__).resolve().parents[2]
WHOLE = ROOT / "static/vendor/tabler/tabler.min.css"
USED = ROOT / "static/vendor/tabler/tabler.used.css"
SCRIPTS = "static/js/**/*.js"
PAGES = ("templates/**/*.html", SCRIPTS, "*/templatetags/*.py", "*/forms.py", "*/forms/*.py", "*/views/*.py")
STYLES = ("static/css/*.css", SCRIPTS, "templates/**/*.html")
NAME = r"-?[A-Za-z_][\w-]*"


def used_styles() -> str:
    """What USED is to hold."""
    words = set(re.findall(NAME, _texts(PAGES)))
    nodes = list(_matching(tinycss2.parse_stylesheet(WHOLE.read_text(encoding="utf-8"), skip_whitespace=True), words))
    asked_by_us, before = set(re.findall(r"--[\w-]+", _texts(STYLES))), None
    # What a dropped property asked for can go next.
    while (text := tinycss2.serialize(nodes)) != before:
        before = text
        asked = asked_by_us | set(re.findall(r"var\((--[\w-]+)", text))
        animations = set(re.findall(NAME, " ".join(re.findall(r"animation(?:-name)?:([^;}]+)", text))))
        nodes = list(_asked_for(nodes, asked | animations))
    return text + "\n"


def _texts(patterns: Iterable[str]) -> str:
    paths = sorted({path for pattern in patterns for path in ROOT.glob(pattern) if ".venv" not in path.parts})
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def _matching(nodes: Iterable[Node], words: set[str]) -> Iterator[Node]:
    """The rules that can match something, each with the selectors that can."""
    for node in nodes:
        if isinstance(node, QualifiedRule):
            selectors = _listed(tinycss2.serialize(node.prelude))
            node.prelude = tinycss2.parse_component_value_list(
                ",".join(each for each in selectors if _can_match(each, words))
            )
            inside = tinycss2.parse_blocks_contents(node.content, skip_whitespace=True, skip_comments=True)
            node.content = [each for each in inside if isinstance(each, Declaration)]
            if node.prelude:
                yield node
        elif isinstance(node, AtRule) and node.lower_at_keyword == "media":
            node.content = list(_matching(tinycss2.parse_rule_list(node.content, skip_whitespace=True), words))
            if node.content:
                yield node
        else:
            yield node


def _listed(selectors: str) -> list[str]:
    """A list of selectors, split at the commas that stand in no bracket."""
    return re.split(r",(?![^(]*\))", selectors)


def _can_match(selector: str, words: set[str]) -> bool:
    plain = re.sub(r":not\((?:[^()]|\([^()]*\))*\)", "", selector).replace("\\", "")
    asked = re.findall(rf"[.#]({NAME})", plain) + re.findall(r"\[(data-[\w-]+)", plain)
    return words.issuperset(asked)


def _asked_for(nodes: Iterable[Node], asked: set[str]) -> Iterator[Node]:
    """The nodes without the custom properties and the animations that nothing asks for."""
    for node in nodes:
        if isinstance(node, QualifiedRule):
            node.content = [each for each in node.content if _counts(each, asked)]
            if node.content:
                yield node
        elif isinstance(node, AtRule) and node.lower_at_keyword == "media":
            node.content = list(_asked_for(node.content, asked))
            if node.content:
                yield node
        elif not isinstance(node, AtRule) or node.lower_at_keyword == "charset" or asked.intersection(_names(node)):
            yield node


def _counts(declaration: Declaration, asked: set[str]) -> bool:
    return not declaration.name.startswith("--") or declaration.name in asked


def _names(rule: AtRule) -> list[str]:
    """The animation or the property that an at-rule defines."""
    return [tinycss2.serialize(rule.prelude).strip()]


if __name__ == "__main__":
    USED.write_text(used_styles(), encoding="utf-8")
    print(f"{USED.relative_to(ROOT)}: {USED.stat().st_size:,} of {WHOLE.stat().st_size:,} bytes")
