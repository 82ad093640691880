"""A document as Markdown (GFM), its plots as files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from topology.bench.report.document import (
    Block,
    Cell,
    Code,
    Heading,
    Items,
    Paragraph,
    Picture,
    Table,
)

__all__ = ["MARKS", "markdown", "table"]

MARKS = {"better": "✓", "worse": "✗", "alike": "≈", "unsure": "?"}
"""What stands before a figure, so that nothing is said by colour alone."""

_MARKUP = re.compile(r"([\\*_\[\]<>|#])")


def markdown(blocks: Iterable[Block], pictures: str) -> str:
    """The document; `pictures` is the directory that its plots are in."""
    return "\n\n".join(text for block in blocks for text in _block(block, pictures)) + "\n"


def table(block: Table) -> str:
    """A table alone."""
    rule = ["---", *["---" if block.text else "---:"] * (len(block.header) - 1)]
    lines = [_row(block.header), f"| {' | '.join(rule)} |"]
    lines += map(_row, block.rows)
    return "\n".join(lines)


def _block(block: Block, pictures: str) -> Iterator[str]:
    match block:
        case Heading(text, level):
            yield f"{'#' * level} {_text(text)}"
        case Paragraph(text):
            yield _text(text)
        case Items(texts, warning):
            sign = "⚠ " if warning else ""
            yield "\n".join(f"- {sign}{_text(text)}" for text in texts)
        case Table():
            if block.folded:
                yield f"<details><summary>{_text(block.folded)}</summary>"
            yield table(block)
            if block.folded:
                yield "</details>"
        case Picture(name, _, caption):
            yield f"![{_text(caption)}]({pictures}/{name}.svg)"
        case Code(text):
            yield f"```sh\n{text}\n```"


def _row(cells: Sequence[Cell | str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(cell: Cell | str) -> str:
    if isinstance(cell, str):
        return _text(cell)
    mark = MARKS.get(cell.style, "")
    return " ".join(one for one in (mark, _text(cell.text), _text(cell.beneath)) if one)


def _text(text: str) -> str:
    """Text in which nothing is markup but code between backticks, on one line."""
    pieces = " ".join(text.split()).split("`")
    # An odd backtick is one that was meant.
    if len(pieces) % 2 == 0:
        return _MARKUP.sub(r"\\\1", "'".join(pieces))
    return "`".join(
        _MARKUP.sub(r"\\\1", piece) if n % 2 == 0 else piece.replace("|", "\\|")
        for n, piece in enumerate(pieces)
    )
