"""A document as one HTML file that asks for nothing else: light and dark, no script."""

from __future__ import annotations

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
from topology.bench.report.markdown import MARKS
from topology.render.diff.escape import html_text
from topology.render.frame import framed

__all__ = ["page"]

_LONGEST = 10_000
"""Characters of a paragraph that are shown at most."""

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #1a6fb0; --bad: #b3471d; --dim: #6e6e6e;
  --back: #8881 }
@media (prefers-color-scheme: dark) {
  :root { --good: #6cb6ff; --bad: #ff9a62; --dim: #a0a0a0 } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; line-height: 1.25 } h2 { font-size: 1.2rem; margin-top: 2.5rem;
  border-top: 1px solid var(--line); padding-top: 1rem } h3 { font-size: 1rem; margin-top: 2rem }
code, pre { font: 13px/1.4 ui-monospace, monospace }
pre { background: var(--back); padding: .7rem 1rem; overflow-x: auto }
.wide { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .7rem; text-align: right;
  vertical-align: top }
th:first-child, td:first-child { text-align: left; min-width: 12rem }
th { font-weight: 600 } .text th, .text td { text-align: left }
small { font-weight: 400; color: var(--dim) }
.better { color: var(--good) } .worse { color: var(--bad) } .alike, .unsure { color: var(--dim) }
.better, .worse { font-weight: 600 }
.warning { border-left: 4px solid var(--bad); background: var(--back);
  padding: .6rem 1rem .6rem 2rem }
figure { margin: 1rem 0 } figure svg { width: 100%; max-width: 58rem; height: auto;
  color: inherit }
figcaption { color: var(--dim); font-size: .9rem }
p, ul { max-width: 66rem } .warning { box-sizing: border-box }
summary { cursor: pointer; color: var(--dim) }
ul { padding-left: 1.2rem }
""".strip()


def page(title: str, blocks: Iterable[Block]) -> str:
    """The document as a page."""
    return framed(title, _STYLE, (line for block in blocks for line in _block(block)))


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading(text, level):
            yield f"<h{level}>{_text(text)}</h{level}>"
        case Paragraph(text):
            yield f"<p>{_text(text)}</p>"
        case Items(texts, warning):
            yield '<ul class="warning">' if warning else "<ul>"
            yield from (f"<li>{_text(text)}</li>" for text in texts)
            yield "</ul>"
        case Table():
            yield from _folded(block)
        case Picture(_, svg, caption):
            yield f'<figure role="img" aria-label="{html_text(caption)}">'
            yield svg.rstrip()
            yield f"<figcaption>{_text(caption)}</figcaption></figure>"
        case Code(text):
            yield "<pre>" + "\n".join(html_text(line) for line in text.splitlines()) + "</pre>"


def _folded(table: Table) -> Iterator[str]:
    if table.folded:
        yield f"<details><summary>{_text(table.folded)}</summary>"
    yield f'<div class="wide"><table{" class=text" if table.text else ""}>'
    yield f"<thead>{_row(table.header, 'th')}</thead><tbody>"
    yield from (_row(row, "td") for row in table.rows)
    yield "</tbody></table></div>"
    if table.folded:
        yield "</details>"


def _row(cells: Sequence[Cell | str], tag: str) -> str:
    return "<tr>" + "".join(_cell(cell, tag) for cell in cells) + "</tr>"


def _cell(cell: Cell | str, tag: str) -> str:
    if isinstance(cell, str):
        return f"<{tag}>{_text(cell)}</{tag}>"
    mark = MARKS.get(cell.style, "")
    # The mark stays with its figure.
    text = _text(f"{mark}\N{NO-BREAK SPACE}{cell.text}" if mark else cell.text)
    if cell.beneath:
        text += f"<br><small>{_text(cell.beneath)}</small>"
    return f'<{tag} class="{cell.style}">{text}</{tag}>'


def _text(text: str) -> str:
    """Text in which code stands between backticks."""
    pieces = [html_text(piece, _LONGEST) for piece in text.split("`")]
    if len(pieces) % 2 == 0:
        return "`".join(pieces)
    return "".join(
        piece if n % 2 == 0 else f"<code>{piece}</code>" for n, piece in enumerate(pieces)
    )
