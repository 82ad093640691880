"""The reachability matrix: a table, a picture, or JSON."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from topology.cli.views.json import Json
from topology.reach.matrix import Cell, cell_lines
from topology.reach.space import service_names

__all__ = ["cell_text", "matrix_document", "matrix_mermaid", "matrix_picture", "print_matrix"]


def print_matrix(found: Mapping[str, Mapping[str, Cell]]) -> None:
    """Prints the matrix; a row is where flows open from."""
    table = Table(pad_edge=False, show_lines=True)
    table.add_column("from ╲ to")
    columns = list(next(iter(found.values()), {}))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row, cells in found.items():
        shown = [
            Text(
                "·" if row == column else cell_text(cells[column]) or "-",
                style=_style(cells[column]),
            )
            for column in columns
        ]
        table.add_row(Text(row, style="bold"), *shown)
    Console(highlight=False, markup=False).print(table)


def cell_text(cell: Cell) -> str:
    """The services of a cell, a line each."""
    return "\n".join(cell_lines(cell))


def matrix_document(found: Mapping[str, Mapping[str, Cell]]) -> Json:
    """One object a pair that anything opens between, with the services of each family."""
    return {
        "version": 1,
        "nodes": [*sorted({*found, *(name for cells in found.values() for name in cells)})],
        "flows": [
            {
                "from": row,
                "to": column,
                **_services(cell),
            }
            for row, cells in found.items()
            for column, cell in cells.items()
            if cell and row != column
        ],
    }


def matrix_mermaid(found: Mapping[str, Mapping[str, Cell]]) -> str:
    """A flowchart with an arrow for every pair that anything opens between."""
    names = sorted({*found, *(name for cells in found.values() for name in cells)})
    ids = {name: f"n{index}" for index, name in enumerate(names)}
    lines = ["flowchart LR", *(f'  {ids[name]}["{name}"]' for name in names)]
    for row, cells in found.items():
        for column, cell in cells.items():
            if cell and row != column:
                label = cell_text(cell).replace("\n", "<br>")
                lines.append(f'  {ids[row]} -->|"{label}"| {ids[column]}')
    return "\n".join(lines) + "\n"


def matrix_picture(found: Mapping[str, Mapping[str, Cell]]) -> str:
    """The matrix as SVG."""
    from topology.render.matrix import matrix_svg

    lines = {
        row: {column: cell_lines(cell) for column, cell in cells.items()}
        for row, cells in found.items()
    }
    return matrix_svg(lines, list(next(iter(found.values()), {})))


def _services(cell: Cell) -> dict[str, Json]:
    return {f"ipv{v}": [*service_names(what)] for v, what in cell.services.items()}


def _style(cell: Cell) -> str:
    return "green" if cell else "dim"
