"""The reachability matrix as SVG: a row opens on a column what their cell says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from topology.render.diff.escape import html_text
from topology.render.palette import file_style
from topology.scene.sizes import short

__all__ = ["matrix_svg"]

_WORDY = 16
"""Rows beyond which cells have a dot instead of words, which a pointer over them still tells."""
_LINE = 14
_NAME = 22
_SHOWN = 5


def matrix_svg(rows: Mapping[str, Mapping[str, Sequence[str]]], columns: Sequence[str]) -> str:
    """A whole file from the lines of each row's and column's cell, empty where nothing opens."""
    return "\n".join(("", *_lines(rows, columns), ""))[1:]


def _lines(
    rows: Mapping[str, Mapping[str, Sequence[str]]], columns: Sequence[str]
) -> Iterator[str]:
    wordy = max(len(rows), len(columns)) <= _WORDY
    longest = max(map(len, (*rows, *columns, "from ╲ to")), default=0)
    left = min(longest, _NAME) * 7 + 20
    widths = {column: _width(rows, column) if wordy else 16 for column in columns}
    heights = {row: _height(cells) if wordy else 16 for row, cells in rows.items()}
    top = 34 if wordy else left
    width, height = left + sum(widths.values()) + 12, top + sum(heights.values()) + 12
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">'
    )
    yield "<title>Which services the rows open on the columns</title>"
    yield f"<style>\n{file_style('picture.css')}</style>"
    yield '<rect class="paper" width="100%" height="100%"/><g class="matrix">'
    yield f'<text class="note" x="8" y="{top - 10}">from ╲ to</text>'
    x = left
    for column in columns:
        name = html_text(short(column, _NAME))
        turned = f' transform="rotate(-90 {x + 12} {top - 8})"' if not wordy else ""
        at = (x + 8, top - 10) if wordy else (x + 12, top - 8)
        yield f'<text class="head" x="{at[0]}" y="{at[1]}"{turned}>{name}</text>'
        x += widths[column]
    y = top
    for row, cells in rows.items():
        middle = y + heights[row] / 2 + 4
        yield f'<text class="head" x="8" y="{middle:.0f}">{html_text(short(row, _NAME))}</text>'
        x = left
        for column in columns:
            box = (x, y, widths[column], heights[row])
            yield from _cell(row, column, cells.get(column, ()), box, wordy)
            x += widths[column]
        y += heights[row]
    yield "</g></svg>"


def _cell(
    row: str, column: str, lines: Sequence[str], box: tuple[int, int, int, int], wordy: bool
) -> Iterator[str]:
    x, y, width, height = box
    same = row == column
    look = " same" if same else " open" if lines else ""
    told = html_text(f"{row} → {column}: {', '.join(lines) or 'nothing'}")
    yield f"<g><title>{told}</title>"
    yield f'<rect class="cell{look}" x="{x}" y="{y}" width="{width}" height="{height}"/>'
    if lines and not same:
        if wordy:
            for number, line in enumerate(_shown(lines)):
                at = y + 18 + number * _LINE
                yield f'<text x="{x + 8}" y="{at}">{html_text(short(line, _NAME))}</text>'
        else:
            middle = (x + width / 2, y + height / 2)
            yield f'<circle class="dot" cx="{middle[0]:.0f}" cy="{middle[1]:.0f}" r="4"/>'
    yield "</g>"


def _shown(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _SHOWN
    return [*lines[:_SHOWN], f"and {more} more"] if more > 0 else [*lines]


def _width(rows: Mapping[str, Mapping[str, Sequence[str]]], column: str) -> int:
    words = (line for row, cells in rows.items() if row != column for line in cells.get(column, ()))
    return min(max(map(len, (*words, column))), _NAME) * 7 + 16


def _height(cells: Mapping[str, Sequence[str]]) -> int:
    return max(len(_shown(lines)) for lines in cells.values()) * _LINE + 14 if cells else 28
