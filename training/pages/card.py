"""MODEL_CARD.md as HTML: the headings, paragraphs, lists and tables that a card is made of, and nothing else."""

import re
from collections.abc import Iterator

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

_CODE = re.compile(r"`([^`]+)`")


def html(markdown: str) -> SafeString:
    """What is no markup of these four kinds comes out as the text that it is."""
    return mark_safe("\n".join(_blocks(markdown)))  # noqa: S308 (every piece of text went through escape)


def _blocks(markdown: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", markdown.strip()):
        lines = block.strip().split("\n")
        while lines and (heading := re.match(r"(#{1,4}) +(.*)", lines[0])):
            # The card's first heading is beneath the page's and the panel's.
            level = min(len(heading[1]) + 2, 6)
            yield f"<h{level}>{_inline(heading[2])}</h{level}>"
            lines = lines[1:]
        yield from _runs(lines)


def _runs(lines: list[str]) -> Iterator[str]:
    """Lines of one block: consecutive ones of a kind belong together."""
    kind_of = {"|": "table", "-": "list"}
    start = 0
    while start < len(lines):
        kind = kind_of.get(lines[start][:1], "text")
        end = start
        while end < len(lines) and kind_of.get(lines[end][:1], "text") == kind:
            end += 1
        yield {"table": _table, "list": _list, "text": _text}[kind](lines[start:end])
        start = end


def _text(lines: list[str]) -> str:
    return f"<p>{'<br>'.join(_inline(line) for line in lines)}</p>"


def _list(lines: list[str]) -> str:
    items = [f"<li>{_inline(line[1:].strip())}</li>" for line in lines]
    return f"<ul>{''.join(items)}</ul>"


def _table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    head, *body = [row for row in rows if not all(re.fullmatch(r":?-+:?", cell) for cell in row)]
    cells = "".join(f'<th scope="col">{_inline(cell)}</th>' for cell in head)
    filled = "".join(f"<tr>{''.join(f'<td>{_inline(cell)}</td>' for cell in row)}</tr>" for row in body)
    return f'<div class="card-table"><table><thead><tr>{cells}</tr></thead><tbody>{filled}</tbody></table></div>'


def _inline(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))
